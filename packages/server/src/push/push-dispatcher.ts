import { createHash } from "node:crypto";
import {
  type Cancel,
  type ConversationRow,
  firstCharacters,
  isChatError,
  isSendableKind,
  type JsonObject,
  LIMITS,
  type Runtime,
} from "@chat/protocol";
import { inTime } from "../in-time.js";
import type { ChatStore } from "../store/chat-store.js";
import type { PushSubscription } from "../store/push-store.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { PushNotification, PushOptions, PushProvider } from "./push-provider.js";
import { PushSender } from "./push-sender.js";

/** ms that the server which sends pushes may be silent before another one does. */
const LEASE = 30_000;
/** Entries of the feed that are read at once, and pages in one round. */
const PAGE = 200;
const PAGES = 25;
/** Rounds whose pushes are not done with; beyond it nothing more is read. */
const ROUNDS = 256;
/** Rounds whose pushes are tried at once, and conversations of one of them. */
const ROUNDS_AT_ONCE = 4;
const CONVERSATIONS_AT_ONCE = 8;
/** Subscriptions that are read at once. */
const AUDIENCE = 500;
/** Messages at the end of what is new among which the one to tell of is looked for. */
const CANDIDATES = 20;
/** Messages of one conversation and look, the newest, that are told to those whom they mention. */
const MENTIONING = 50;
/** ms that the application may take over what one push says. */
const COMPOSE_DEADLINE = 10_000;
/** ms for each member by which devices may be late in saying what they have taken: those of a large group spread what they say. */
const RECEIPT_SPREAD = 1;
/** The most that is waited for those. */
const LONGEST_SPREAD = 20_000;

/** What the dispatcher works with. */
export interface PushDispatcherOptions {
  readonly runtime: Runtime;
  readonly store: Pick<ChatStore, "messages" | "conversations" | "housekeeping" | "pushes">;
  readonly providers: ReadonlyMap<string, PushProvider>;
  readonly compose?: PushOptions["compose"];
  /** Names this run of this server among those on the store. */
  readonly owner: string;
  /** ms for a device of the user to take a message, before there is a push. */
  readonly delay: number;
  /** ms after which nobody is told of a message any more. */
  readonly maxAge: number;
  /** ms between two looks at the feed. */
  readonly interval: number;
}

/** The new messages of a conversation. */
interface News {
  first: number;
  last: number;
  /** Ids of those that mention somebody; undefined: none. */
  mentioning?: number[];
}

/** What was read in one look at the feed. */
interface Round {
  readonly cursor: string;
  readonly dueAt: number;
  /** What is new by conversation. */
  readonly news: ReadonlyMap<string, Readonly<News>>;
  /** Under way are its first tries, pending the further ones. */
  state: "waiting" | "under-way" | "pending" | "settled";
}

/**
 * Sends pushes for messages that no device of their recipients has taken within a delay.
 *
 * Nothing is noted per message: of the servers on one store, the one that holds the lease follows the store-wide feed, and
 * its durable cursor passes a message once its pushes are sent or given up. After a crash another server goes on
 * from the cursor: a push may come twice, none is lost. One notification a conversation and look is sent, of the newest message.
 */
export class PushDispatcher {
  readonly #options: PushDispatcherOptions;
  readonly #sender: PushSender;
  #rounds: Round[] = [];
  /** How far the feed was read. Undefined while another server leads. */
  #cursor: string | undefined;
  #claimedAt = -Infinity;
  #closed = false;
  #cancelTimer: Cancel | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** Each ends a pause in which devices of a large group say what they have. */
  readonly #pauses = new Set<() => void>();

  constructor(options: PushDispatcherOptions) {
    this.#options = options;
    const { runtime, store, providers } = options;
    this.#sender = new PushSender({ runtime, pushes: store.pushes, providers });
  }

  /** Begins. */
  start(): void {
    if (this.#closed) return;
    this.#turn = this.#look().then(() => this.#scheduleNext());
  }

  /** Ends what is under way and lets another server go on with it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#sender.close();
    for (const end of this.#pauses) end();
    await this.#turn;
    if (this.#cursor === undefined) return;
    try {
      await this.#options.store.pushes.lead({ owner: this.#options.owner, duration: 0 });
    } catch (error) {
      // It runs out by itself.
      this.#options.runtime.log("warn", "push_lease_failed", { error: String(error) });
    }
  }

  #scheduleNext(): void {
    if (this.#closed) return;
    const { runtime, interval } = this.#options;
    this.#cancelTimer = runtime.clock.schedule(this.#cursor === undefined ? LEASE / 3 : interval, () => {
      this.#turn = this.#look().then(() => this.#scheduleNext());
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#claim();
      if (this.#cursor === undefined) return;
      if (this.#rounds.length < ROUNDS) await this.#read();
      const now = this.#options.runtime.clock.monotonic();
      let free = ROUNDS_AT_ONCE - this.#rounds.filter(({ state }) => state === "under-way").length;
      for (const round of this.#rounds) {
        if (round.state === "waiting" && round.dueAt <= now && free-- > 0) void this.#run(round);
      }
      await this.#advance();
    } catch (error) {
      if (isChatError(error) && error.code === "cursor_invalid") {
        // The store has lost that history. Who missed a message finds it in the conversation.
        this.#options.runtime.log("error", "store_lost_history", {});
        this.#cursor = undefined;
        this.#rounds = [];
        this.#claimedAt = -Infinity;
        await this.#beginAnew().catch(() => {});
      } else this.#options.runtime.log("warn", "push_feed_failed", { error: String(error) });
    }
  }

  /** From here on; notes it, so that whoever comes next misses nothing after it. */
  async #beginAnew(): Promise<string> {
    const { store, owner } = this.#options;
    const cursor = await store.conversations.position();
    await store.pushes.advance({ owner, cursor });
    return cursor;
  }

  /** Takes or renews the lease. */
  async #claim(): Promise<void> {
    const { runtime, store, owner } = this.#options;
    const now = runtime.clock.monotonic();
    if (now - this.#claimedAt < LEASE / 3) return;
    const lead = await store.pushes.lead({ owner, duration: LEASE });
    this.#claimedAt = now;
    if (lead === undefined) {
      // What is under way ends; whoever leads goes on from the cursor.
      this.#cursor = undefined;
      this.#rounds = [];
    } else if (this.#cursor === undefined) {
      this.#cursor = lead.cursor ?? (await this.#beginAnew());
    }
  }

  async #read(): Promise<void> {
    const { runtime, store, delay, maxAge } = this.#options;
    const now = runtime.clock.now();
    const news = new Map<string, News>();
    let newest: number | undefined;
    let cursor = this.#cursor!;
    let more = true;
    for (let pages = 0; more && pages < PAGES; pages++) {
      const page = await store.housekeeping.log({ limit: PAGE, cursor });
      for (const { conversationId, messageId, kind, createdAt, mentions } of page.entries) {
        newest = Math.max(newest ?? createdAt, createdAt);
        if (!isSendableKind(kind) || createdAt < now - maxAge) continue;
        let known = news.get(conversationId);
        if (known === undefined) news.set(conversationId, (known = { first: messageId, last: messageId }));
        known.last = messageId;
        if (mentions === undefined) continue;
        known.mentioning = [...(known.mentioning ?? []), messageId].slice(-MENTIONING);
      }
      ({ cursor, more } = page);
    }
    this.#cursor = cursor;
    if (newest === undefined) return;
    // What a server before this one has let lie is late already. No clock makes it later than the delay.
    const wait = Math.max(0, Math.min(delay, newest + delay - now));
    const dueAt = runtime.clock.monotonic() + wait;
    this.#rounds.push({ cursor, dueAt, news, state: "waiting" });
  }

  /** Moves the durable cursor past the rounds that are done with. */
  async #advance(): Promise<void> {
    let cursor: string | undefined;
    while (this.#rounds[0]?.state === "settled") ({ cursor } = this.#rounds.shift()!);
    if (cursor === undefined) return;
    await this.#options.store.pushes.advance({ owner: this.#options.owner, cursor });
  }

  /** Never rejects. */
  async #run(round: Round): Promise<void> {
    round.state = "under-way";
    const rest: Promise<void>[] = [];
    try {
      const news = round.news.entries();
      const work = async (): Promise<void> => {
        for (const [conversationId, found] of news) {
          for (const further of await this.#notifyOf(conversationId, found)) {
            // It may fail before it is waited for below, or never be: that is heard of there, and must not end the process.
            further.catch(() => {});
            rest.push(further);
          }
        }
      };
      await Promise.all(Array.from({ length: CONVERSATIONS_AT_ONCE }, work));
      round.state = "pending";
      await Promise.all(rest);
      // What closing has cut off was not sent: the cursor stays before it.
      if (!this.#closed) round.state = "settled";
    } catch (error) {
      // The store does not answer: all of it once more with the next look. Some pushes may come twice.
      this.#options.runtime.log("warn", "push_round_failed", { error: String(error) });
      if (!this.#closed) round.state = "waiting";
    }
  }

  /** Tells those of a conversation whom it concerns. Resolves to what is tried again. */
  async #notifyOf(conversationId: string, { first, last, mentioning = [] }: News): Promise<Promise<void>[]> {
    const { store } = this.#options;
    const newest = await this.#messages(conversationId, first, last, CANDIDATES);
    // A mention is told of also where much has come behind it.
    const earlier = mentioning.filter((messageId) => messageId < (newest[0]?.messageId ?? Infinity));
    const before = await Promise.all(earlier.map((id) => this.#messages(conversationId, id, id, 1)));
    const entries = [...before.flat(), ...newest];
    const entry = entries[entries.length - 1];
    if (entry === undefined) return [];
    const { memberCount = 0 } = (await store.conversations.participation(undefined, conversationId)) ?? {};
    const tell = async (): Promise<Promise<void>[]> => {
      const rest: Promise<void>[] = [];
      let page: string | undefined;
      do {
        const query = { messageId: entry.messageId, limit: AUDIENCE, ...(page !== undefined && { page }) };
        const { items, next } = await store.pushes.audience(conversationId, query);
        if (items.length > 0) rest.push(...(await this.#tell(conversationId, entries, items)));
        page = next;
      } while (page !== undefined && !this.#closed);
      return rest;
    };
    const spread = Math.min(LONGEST_SPREAD, memberCount * RECEIPT_SPREAD);
    if (spread <= this.#options.delay / 2) return tell();
    const tellLater = async (): Promise<void> => {
      if (!this.#closed) await this.#pause(spread);
      if (!this.#closed) await Promise.all(await tell());
    };
    return [tellLater()];
  }

  /** The newest messages of a range that are there still. */
  async #messages(
    conversationId: string,
    from: number,
    to: number,
    limit: number,
  ): Promise<readonly StoredEntry[]> {
    const bounds = { conversationId, after: from - 1, before: to + 1 };
    const rest = { order: "descending", limit, maxBytes: Number.MAX_SAFE_INTEGER } as const;
    const found = await this.#options.store.messages.read({ ...bounds, ...rest });
    return found.filter(({ kind, redacted }) => isSendableKind(kind) && redacted !== true);
  }

  /** Over at once when this closes. */
  #pause(duration: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#options.runtime.clock.schedule(duration, end);
      this.#pauses.add(end);
    });
  }

  async #tell(
    conversationId: string,
    entries: readonly StoredEntry[],
    subscriptions: readonly PushSubscription[],
  ): Promise<Promise<void>[]> {
    const { runtime, store, maxAge } = this.#options;
    const userIds = [...new Set(subscriptions.map(({ userId }) => userId))];
    const rows = await store.conversations.rows(conversationId, userIds);
    const newestFirst = [...entries].reverse();
    const senderIds = [...new Set(entries.map(({ senderId }) => senderId))];
    const names = new Map(
      (await store.conversations.users(senderIds)).map(({ userId, name }) => [userId, name]),
    );
    // Mostly nobody has blocked whoever wrote last: then nobody else is asked about.
    const blockers = new Map<string, Promise<ReadonlySet<string>>>();
    const hasBlocked = async (userId: string, senderId: string): Promise<boolean> => {
      const asked =
        blockers.get(senderId) ??
        store.conversations.blocks(senderId, userIds).then(({ blockedBy }) => new Set(blockedBy));
      blockers.set(senderId, asked);
      return (await asked).has(userId);
    };
    const results = await Promise.all(
      subscriptions.map(async (subscription) => {
        const { userId, address } = subscription;
        const row = rows.get(userId);
        if (row === undefined) return {};
        /** The newest of these that no device of the user has, and that the user wants to hear of. */
        const newestOf = async (some: readonly StoredEntry[]): Promise<StoredEntry | undefined> => {
          for (const one of some) {
            if (one.messageId > row.delivered && !(await hasBlocked(userId, one.senderId))) return one;
          }
          return undefined;
        };
        const mention = await newestOf(newestFirst.filter(({ mentions }) => mentions?.includes(userId)));
        const isMuted = (row.mute?.until ?? 0) > runtime.clock.now();
        if (isMuted && row.mute?.mentionsMuted === true) return {};
        const newest = isMuted ? mention : await newestOf(newestFirst);
        if (newest === undefined) return {};
        const told = mention ?? newest;
        const notification = notificationOf(told, row, userId, names.get(told.senderId));
        const payload = await this.#compose(notification);
        if (payload === undefined) return {};
        const push = { payload, collapseKey: collapseKeyOf(conversationId), timeToLive: maxAge };
        const isWanted = async (): Promise<boolean> => {
          const query = { messageId: newest.messageId, userId, limit: AUDIENCE };
          const { items } = await store.pushes.audience(conversationId, query);
          if (!items.some((item) => item.address === address)) return false;
          // Taken away, or its sender blocked, while the push service was away.
          const { messageId, senderId } = told;
          const { blockedBy } = await store.conversations.blocks(senderId, [userId]);
          if (blockedBy.length > 0) return false;
          return (await this.#messages(conversationId, messageId, messageId, 1)).length > 0;
        };
        return this.#sender.send(subscription, push, isWanted);
      }),
    );
    return results.flatMap(({ rest }) => rest ?? []);
  }

  async #compose(notification: PushNotification): Promise<JsonObject | undefined> {
    const { compose, runtime } = this.#options;
    const { userId: _, ...payload } = notification;
    if (compose === undefined) return payload;
    // One that never ends must not keep everybody else's pushes from being sent.
    const late = (): Error => new DOMException("compose took too long.", "TimeoutError");
    try {
      return await inTime(runtime.clock, COMPOSE_DEADLINE, late, Promise.resolve(compose(notification)));
    } catch (error) {
      runtime.log("error", "push_compose_failed", { error: error instanceof Error ? error.name : "error" });
      return undefined;
    }
  }
}

function notificationOf(
  entry: StoredEntry,
  row: ConversationRow,
  userId: string,
  senderName: string | undefined,
): PushNotification {
  const { conversationId, messageId, senderId, kind, createdAt } = entry;
  const text = entry.text === undefined ? undefined : firstCharacters(entry.text, LIMITS.snippetCharacters);
  return {
    ...{ userId, conversationId, conversationType: row.type, messageId, senderId, kind, createdAt },
    ...(row.name !== undefined && { conversationName: row.name }),
    ...(senderName !== undefined && { senderName }),
    ...(text !== undefined && { text }),
    unread: Math.max(0, row.headOrdinal - (row.unread?.ordinal ?? row.readOrdinal)),
    ...(entry.mentions?.includes(userId) && { mention: true }),
  };
}

/** 32 characters, whatever the conversation's id is made of. */
function collapseKeyOf(conversationId: string): string {
  return createHash("sha256").update(conversationId).digest("base64url").slice(0, 32);
}
