import { type Cancel, ChatError, newUuid, type Runtime } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import { defined } from "../runtime/defined.js";

/** What is called of `navigator.locks`. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    holdWhile: () => Promise<void>,
  ): Promise<unknown>;
}

/** What is used of a BroadcastChannel. */
export interface TabChannel {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What tabs need of the page. */
export interface TabsEnvironment<Request, Notice> {
  /** Of the lock and the channel: the same in all tabs that belong together. */
  readonly name: string;
  readonly runtime: Runtime;
  readonly locks: Locks;
  openChannel(name: string): TabChannel;
  /** As the leader: does what another tab asks for. */
  answer(request: Request): Promise<unknown>;
  /** As a follower: hears what the leader tells everybody. */
  heard(notice: Notice): void;
  /** What a follower has to hear first. */
  greeting(): Notice;
  /** Began or ceased to lead, or follows another one. */
  moved(): void;
  /** The user was logged out in another tab. */
  loggedOut(): void;
}

/**
 * The tabs of one user, of which one leads: it alone owns socket and storage, and does for the others what they ask for.
 * It is elected by a Web Lock. A leader that does not answer, because its page is frozen, is robbed of it: so whatever it still
 * does when it thaws must be recognised by its {@link Tabs.number}.
 */
export interface Tabs<Request, Notice> {
  readonly leads: boolean;
  /** True where locks are forbidden: this tab leads, and knows nothing of others. */
  readonly alone: boolean;
  /** Rises with every leader; that of the newest one known. */
  number: number;
  /** Rises whenever `leads` or the leader changed. */
  readonly term: number;
  /** Asks the leader. Rejects without a reason to be shown once `term` has risen: whoever asked then looks again who leads. */
  ask(request: Request): Promise<unknown>;
  /** As the leader: tells all others. */
  tell(notice: Notice): void;
  /** Begins, also again after `leave`. */
  join(): void;
  /** Lets another one lead, and hears nothing until `join`. */
  leave(): void;
  /** Another one leads: it has been found out by its number. */
  depose(): void;
  /** Ends this user's chat in all other tabs, and leads. */
  logOut(): void;
}

interface Call<Request> {
  readonly request: Request;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What travels between tabs. `number` is the leader's. */
type Message<Request, Notice> =
  | { readonly kind: "probe" }
  | { readonly kind: "log-out" }
  | { readonly kind: "request"; readonly from: string; readonly id: number; readonly request: Request }
  | { readonly kind: "notice"; readonly number: number; readonly notice: Notice }
  | {
      readonly kind: "answer";
      readonly number: number;
      readonly to: string;
      readonly id: number;
      readonly value?: unknown;
      /** Plain, as a copy of an error loses its fields. */
      readonly error?: Pick<ChatError, "code" | "message" | "retryable" | "retryAfter">;
    };

export function createTabs<Request, Notice>(
  environment: TabsEnvironment<Request, Notice>,
): Tabs<Request, Notice> {
  const { name, runtime, locks } = environment;
  const self = newUuid(runtime.random);
  const calls = new Map<number, Call<Request>>();
  let channel: TabChannel | undefined;
  let leads = false;
  let alone = false;
  /** True once another tab was heard of: nobody else needs to be told anything. */
  let accompanied = false;
  let number = 0;
  let term = 0;
  let lastId = 0;
  let misses = 0;
  /** The request for the lock that counts. */
  let candidacy: AbortController | undefined;
  let unlock: () => void = () => {};
  let cancelProbe: Cancel = () => {};

  function post(message: Message<Request, Notice>): void {
    channel?.postMessage(message);
  }

  function become(leading: boolean): void {
    leads = leading;
    term++;
    cancelProbe();
    for (const [, { reject }] of calls) reject(new ChatError("disconnected", "Another tab leads now."));
    calls.clear();
    environment.moved();
  }

  function apply(steal: boolean): void {
    candidacy?.abort();
    const mine = (candidacy = new AbortController());
    let held = false;
    locks
      .request(name, steal ? { steal } : { signal: mine.signal }, () => {
        if (candidacy !== mine) return Promise.resolve();
        held = true;
        become(true);
        return new Promise<void>((resolve) => (unlock = resolve));
      })
      .catch(() => {
        if (candidacy !== mine) return;
        if (held) return follow();
        alone = true;
        become(true);
      });
  }

  function follow(): void {
    become(false);
    apply(false);
    probe();
  }

  function probe(): void {
    post({ kind: "probe" });
    cancelProbe();
    const patience = calls.size > 0 ? CLIENT_LIMITS.tabPatience : CLIENT_LIMITS.tabInterval;
    cancelProbe = runtime.clock.schedule(patience, () => {
      if (++misses < CLIENT_LIMITS.tabMisses) return probe();
      misses = 0;
      apply(true);
    });
  }

  function serve(from: string, id: number, request: Request): void {
    const reply = (outcome: { value?: unknown; error?: ChatError }): void => {
      if (leads) post({ kind: "answer", number, to: from, id, ...outcome });
    };
    environment.answer(request).then(
      (value) => reply({ value }),
      ({ code, message, retryable, retryAfter }: ChatError) => {
        // Who is closing leaves it to the tab that leads next.
        if (code !== "closed") reply({ error: { code, message, retryable, retryAfter } as ChatError });
      },
    );
  }

  function tell(notice: Notice): void {
    if (leads && accompanied) post({ kind: "notice", number, notice });
  }

  function receive(message: Message<Request, Notice>): void {
    if (message.kind === "log-out") {
      leave();
      return environment.loggedOut();
    }
    accompanied = true;
    if (message.kind === "probe") return tell(environment.greeting());
    if (message.kind === "request") {
      if (leads) serve(message.from, message.id, message.request);
      return;
    }
    // Of one that was robbed of the lock and does not know it yet. Who leads hears only of such, or of its own end by the lock.
    if (leads || message.number < number) return;
    misses = 0;
    if (message.number > number) {
      number = message.number;
      become(false);
      probe();
    }
    if (message.kind === "notice") environment.heard(message.notice);
    else if (message.to === self) {
      const call = calls.get(message.id);
      calls.delete(message.id);
      const { error, value } = message;
      if (error) call?.reject(new ChatError(error.code, error.message, defined(error)));
      else call?.resolve(value);
    }
  }

  function leave(): void {
    if (!channel) return;
    candidacy?.abort();
    candidacy = undefined;
    unlock();
    cancelProbe();
    channel.onmessage = null;
    channel.close();
    channel = undefined;
    become(false);
  }

  return {
    get leads() {
      return leads;
    },
    get alone() {
      return alone;
    },
    get term() {
      return term;
    },
    get number() {
      return number;
    },
    set number(next) {
      number = next;
    },
    tell,

    ask(request) {
      return new Promise((resolve, reject) => {
        const id = ++lastId;
        calls.set(id, { request, resolve, reject });
        post({ kind: "request", from: self, id, request });
        // From now on somebody waits.
        if (calls.size === 1 && channel) probe();
      });
    },

    join() {
      if (channel) return;
      misses = 0;
      channel = environment.openChannel(name);
      channel.onmessage = ({ data }) => receive(data as Message<Request, Notice>);
      for (const [id, { request }] of calls) post({ kind: "request", from: self, id, request });
      apply(false);
      if (!leads) probe();
    },

    leave,

    depose() {
      if (!leads) return;
      unlock();
      follow();
    },

    logOut() {
      post({ kind: "log-out" });
      if (!leads) apply(true);
    },
  };
}
