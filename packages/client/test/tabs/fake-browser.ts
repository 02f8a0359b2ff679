import { IDBFactory as FakeIndexedDb } from "fake-indexeddb";
import { vi } from "vitest";
import type { Locks, TabChannel } from "../../src/tabs/tabs.js";

interface Candidate {
  readonly name: string;
  grant(): void;
  rob(): void;
}

/** Web Locks as far as they matter here: exclusive, first come first served, given up by a signal, and stolen. */
class FakeLocks {
  readonly #held = new Map<string, Candidate>();
  #waiting: Candidate[] = [];

  /** How often a lock was taken by force. */
  thefts = 0;

  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  request: Locks["request"] = (name, { signal, steal }, holdWhile) =>
    new Promise((resolve, reject) => {
      const robbed = new DOMException("Another one stole it.", "AbortError");
      const candidate: Candidate = {
        name,
        rob: () => reject(robbed),
        grant: () => {
          this.#held.set(name, candidate);
          void Promise.resolve()
            .then(holdWhile)
            .then(resolve, reject)
            .finally(() => this.#release(candidate));
        },
      };
      signal?.addEventListener("abort", () => {
        this.#waiting = this.#waiting.filter((other) => other !== candidate);
        reject(new DOMException("Given up.", "AbortError"));
      });
      const holder = this.#held.get(name);
      if (holder && !steal) this.#waiting.push(candidate);
      else {
        if (holder) this.thefts++;
        holder?.rob();
        candidate.grant();
      }
    });

  #release(candidate: Candidate): void {
    if (this.#held.get(candidate.name) !== candidate) return;
    this.#held.delete(candidate.name);
    const next = this.#waiting.find(({ name }) => name === candidate.name);
    this.#waiting = this.#waiting.filter((other) => other !== next);
    next?.grant();
  }
}

/** One tab's view of the browser. */
export class FakeTab {
  readonly channels = new Set<FakeChannel>();
  /** What came while the tab was frozen. */
  #queue: (() => void)[] = [];
  #frozen = false;

  constructor(readonly browser: FakeBrowser) {}

  /** Runs with the globals of this tab. */
  run<T>(work: () => T): T {
    vi.stubGlobal("indexedDB", this.browser.indexedDB);
    vi.stubGlobal("BroadcastChannel", this.#channelClass());
    vi.stubGlobal("navigator", { locks: { request: this.#request } });
    try {
      return work();
    } finally {
      vi.unstubAllGlobals();
    }
  }

  /** Delivers what timers, other tabs and the locks tell, now or once it has thawed. */
  deliver(work: () => void): void {
    if (this.#frozen) this.#queue.push(work);
    else work();
  }

  /** Hears nothing of all that from now on. Its socket and its writes go on: no frozen tab does as much harm. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const work of this.#queue.splice(0)) work();
  }

  /** The tab is gone, without a word. */
  crash(): void {
    this.#frozen = true;
    this.#queue = [];
    for (const channel of this.channels) channel.close();
    for (const unlock of this.#unlocks) unlock();
  }

  readonly #unlocks = new Set<() => void>();

  #request: Locks["request"] = (name, options, holdWhile) =>
    new Promise((resolve, reject) => {
      this.browser.locks
        .request(name, options, () => {
          const gone = new Promise<void>((unlock) => this.#unlocks.add(unlock));
          return Promise.race([gone, holdWhile()]);
        })
        .then(
          (value) => this.deliver(() => resolve(value)),
          (error: Error) => this.deliver(() => reject(error)),
        );
    });

  #channelClass(): new (name: string) => FakeChannel {
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const tab = this;
    return class extends FakeChannel {
      constructor(name: string) {
        super(tab, name);
      }
    };
  }
}

/** A BroadcastChannel whose messages come in order, in a later microtask. */
export class FakeChannel implements TabChannel {
  onmessage: TabChannel["onmessage"] = null;

  constructor(
    readonly tab: FakeTab,
    readonly name: string,
  ) {
    tab.channels.add(this);
  }

  postMessage(message: unknown): void {
    for (const { channels } of this.tab.browser.tabs) {
      for (const channel of channels) {
        if (channel === this || channel.name !== this.name) continue;
        const data: unknown = structuredClone(message);
        void Promise.resolve().then(() => channel.tab.deliver(() => channel.onmessage?.({ data })));
      }
    }
  }

  close(): void {
    this.tab.channels.delete(this);
    this.onmessage = null;
  }
}

/** What tabs of one browser have in common. */
export class FakeBrowser {
  readonly indexedDB: Pick<IDBFactory, "open" | "deleteDatabase" | "databases"> = new FakeIndexedDb();
  readonly locks = new FakeLocks();
  readonly tabs: FakeTab[] = [];

  tab(): FakeTab {
    const tab = new FakeTab(this);
    this.tabs.push(tab);
    return tab;
  }
}
