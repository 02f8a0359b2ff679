import "fake-indexeddb/auto";
import { isUuid, type Runtime, systemRuntime } from "@chat/protocol";
import { IDBFactory as FakeIndexedDb } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { type Locks, openCache, type OpenCacheOptions } from "../../src/cache/open-cache.js";
import { ManualClock } from "./manual-clock.js";

const PATIENCE_MS = 1_000;

/** Web Locks as far as they matter here: exclusive, first come first served, given up by a signal. */
class FakeLocks implements Locks {
  readonly held = new Map<string, () => void>();
  readonly #waiting: { readonly name: string; readonly grant: () => void }[] = [];

  request(
    name: string,
    { signal }: { readonly signal: AbortSignal },
    holdWhile: () => Promise<void>,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = {
        name,
        grant: () => {
          const unlock = () => {
            if (this.held.get(name) !== unlock) return;
            this.held.delete(name);
            const next = this.#waiting.findIndex((waiting) => waiting.name === name);
            if (next >= 0) this.#waiting.splice(next, 1)[0]!.grant();
          };
          this.held.set(name, unlock);
          void Promise.resolve().then(holdWhile).then(resolve, reject).finally(unlock);
        },
      };
      if (!this.held.has(name)) request.grant();
      else this.#waiting.push(request);
      signal.addEventListener("abort", () => {
        const index = this.#waiting.indexOf(request);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        reject(new DOMException("The request was aborted.", "AbortError"));
      });
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }
}

/** Lets the promises that are settled take effect. */
const turn = () => new Promise(setImmediate);

let clock: ManualClock;
let indexedDB: IDBFactory;
let locks: FakeLocks;
let logged: string[];
let runtime: Runtime;

beforeEach(() => {
  clock = new ManualClock();
  indexedDB = new FakeIndexedDb();
  locks = new FakeLocks();
  logged = [];
  runtime = {
    clock,
    random: systemRuntime().random,
    log: (level, event) => logged.push(`${level} ${event}`),
  };
});

function open(options: Partial<OpenCacheOptions> = {}) {
  return openCache({ server: "https://a.test/chat", userId: "ana", runtime, indexedDB, locks, ...options });
}

async function deviceOf({ cache }: Awaited<ReturnType<typeof openCache>>): Promise<string> {
  return (await cache.load()).meta.deviceId;
}

async function databases(): Promise<number> {
  return (await indexedDB.databases()).length;
}

describe("openCache", () => {
  it("takes the lock, then the database, and gives both back", async () => {
    const first = await open();
    expect(first.cache.persistent).toBe(true);
    expect(first).not.toHaveProperty("reason");
    expect(locks.held.size).toBe(1);
    expect(clock.pending).toBe(0);
    const device = await deviceOf(first);

    let committed = false;
    const commit = first.cache
      .commit({ meta: { epoch: "e" } }, "strict")
      .then(() => expect(locks.held.size).toBe(1))
      .then(() => (committed = true));
    await first.release();
    await commit;
    await turn();
    expect(committed).toBe(true);
    expect(locks.held.size).toBe(0);
    await expect(first.cache.load()).rejects.toMatchObject({ code: "closed" });
    await first.release();

    const second = await open();
    expect(await deviceOf(second)).toBe(device);
    // A repeated release must not take from the next one what it holds now.
    await first.release();
    await turn();
    expect(locks.held.size).toBe(1);
    expect(logged).toEqual([]);
  });

  it("can be released after a wipe", async () => {
    const opened = await open();
    await opened.cache.wipe();
    await opened.release();
    await turn();
    expect(locks.held.size).toBe(0);
    expect(await databases()).toBe(0);
  });

  it("never mixes accounts, however they are spelled", async () => {
    const accounts = [
      ["https://a.test/chat", "ana"],
      ["https://a.test/chat", "bo"],
      ["https://b.test/chat", "ana"],
      ["https://a.test/chat", "ana bo"],
      ["https://a.test/chat ana", "bo"],
      ["https://a.test", "/chat ana"],
      ['https://a.test/chat","ana', ""],
      ["https://a.test/chat", 'ana","'],
    ] as const;
    const devices = new Set<string>();
    for (const [server, userId] of accounts) {
      const opened = await open({ server, userId });
      expect(opened.reason).toBeUndefined();
      devices.add(await deviceOf(opened));
    }
    expect(devices.size).toBe(accounts.length);
    expect(locks.held.size).toBe(accounts.length);
    expect(await databases()).toBe(accounts.length);
  });

  it("is a device of its own, in memory, while another tab has the database", async () => {
    const first = await open();
    let settled = false;
    const opening = open().finally(() => (settled = true));
    await clock.scheduled();
    clock.advance(PATIENCE_MS - 1);
    await turn();
    expect(settled).toBe(false);
    clock.advance(1);
    const second = await opening;

    expect(second).toMatchObject({ reason: "other-tab", cache: { persistent: false } });
    expect(isUuid(await deviceOf(second))).toBe(true);
    expect(await deviceOf(second)).not.toBe(await deviceOf(first));
    expect(locks.waiting).toBe(0);
    await second.release();
    await turn();
    expect(locks.held.size).toBe(1);
  });

  it("waits for the page that is just being reloaded", async () => {
    const before = await open();
    const device = await deviceOf(before);
    const opening = open();
    await clock.scheduled();
    clock.advance(PATIENCE_MS - 1);
    await before.release();
    const after = await opening;
    expect(after.reason).toBeUndefined();
    expect(await deviceOf(after)).toBe(device);
    expect(clock.pending).toBe(0);
  });

  it("gives back a lock that comes too late", async () => {
    let grant: (() => Promise<void>) | undefined;
    const deaf: Locks = {
      request(_name, _options, holdWhile) {
        grant = holdWhile;
        return new Promise(() => {});
      },
    };
    const opening = open({ locks: deaf });
    await clock.scheduled();
    clock.advance(PATIENCE_MS);
    expect((await opening).reason).toBe("other-tab");
    await grant!();
  });

  it("stays in memory without Web Locks, or where they are forbidden", async () => {
    const forbidden = new DOMException("Not here.", "SecurityError");
    const rejecting: Locks = { request: () => Promise.reject(forbidden) };
    const throwing: Locks = {
      request() {
        throw forbidden;
      },
    };
    for (const none of [null, rejecting, throwing]) {
      const opened = await open({ locks: none });
      expect(opened).toMatchObject({ reason: "no-locks", cache: { persistent: false } });
      expect(await databases()).toBe(0);
      expect(clock.pending).toBe(0);
      await opened.release();
      await expect(opened.cache.load()).rejects.toMatchObject({ code: "closed" });
    }
  });

  it("stays in memory without IndexedDB, and takes no lock", async () => {
    const opened = await open({ indexedDB: null });
    expect(opened).toMatchObject({ reason: "refused", cache: { persistent: false } });
    expect(locks.held.size).toBe(0);
  });

  it("stays in memory where IndexedDB refuses, gives back the lock and logs it", async () => {
    const refusing = {
      open(): IDBOpenDBRequest {
        throw new DOMException("Not in a private window.", "SecurityError");
      },
      deleteDatabase: (name: string) => indexedDB.deleteDatabase(name),
    };
    const opened = await open({ indexedDB: refusing });
    expect(opened).toMatchObject({ reason: "refused", cache: { persistent: false } });
    await turn();
    expect(locks.held.size).toBe(0);
    expect(logged).toEqual(["warn cache_refused"]);
  });
});
