import type { ConversationRow, Entry, JsonObject, UserPrivacy, UserProfile } from "@chat/protocol";

/** Message ids that a device holds with authority, both ends included: an id in it without an entry does not exist for this user. */
export interface HeldRange {
  readonly from: number;
  readonly to: number;
}

/** A conversation as the device keeps it: its row and what is held of its log, always written together. */
export interface CachedConversation {
  readonly row: ConversationRow;
  /** Ascending, disjoint, never touching. The end of the last is curMaxMessageId. */
  readonly ranges: readonly HeldRange[];
  /** messageId of the newest redaction that everything held reflects; absent: none. */
  readonly obeyed?: number;
  /** The `read` that the server has acknowledged; absent: that of the row. */
  readonly ackedRead?: number;
  /** A mark of what is unread that the server has not acknowledged yet, with the version that it is based on; without `from` none. */
  readonly mark?: { readonly version: number; readonly from?: number };
}

/** A message that waits to be stored by the server. */
export interface OutboxItem {
  /** Idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly conversationId: string;
  /** Rises with every send of this device; the order of the outbox. */
  readonly sequence: number;
  readonly kind?: string;
  readonly text?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  readonly mentions?: readonly string[];
  /** Wall-clock ms of this device, to be shown until the server's is known. */
  readonly createdAt: number;
  /** Set once the server refused it for good. It then waits for the user and holds nothing up. */
  readonly failure?: { readonly code: string; readonly message: string };
}

/** What is kept once per cache. */
export interface CacheMeta {
  /** A UUID that names this installation; new whenever the cache was empty. */
  readonly deviceId: string;
  /** The store's epoch that everything here belongs to. */
  readonly epoch?: string;
  /** Position of the change feed up to which `conversations` is complete; absent before the first full listing. */
  readonly cursor?: string;
  /** What the user tells others, as the server said last; absent: the defaults. */
  readonly privacy?: UserPrivacy;
}

/** All that is read at start; entries are read as they are needed. */
export interface CacheSnapshot {
  readonly meta: CacheMeta;
  readonly conversations: readonly CachedConversation[];
  /** By sequence. */
  readonly outbox: readonly OutboxItem[];
  readonly users: readonly UserProfile[];
}

/** One atomic change. Steps apply in the order of the fields. */
export interface CacheChanges {
  /** Forgets everything but the device's id, the privacy and the outbox: the store's history is another one. */
  readonly reset?: true;
  readonly meta?: Partial<CacheMeta>;
  /** Forgets conversations with their entries. */
  readonly removeConversations?: readonly string[];
  /** Forgets the entries above an id: the device has diverged from there. */
  readonly truncate?: readonly { readonly conversationId: string; readonly above: number }[];
  /** Forgets the entries up to an id: they are no longer kept, or what is held of them may be out of date. */
  readonly forget?: readonly { readonly conversationId: string; readonly through: number }[];
  /** Writes rows and held ranges, replacing what was there. */
  readonly conversations?: readonly CachedConversation[];
  readonly entries?: readonly { readonly conversationId: string; readonly entries: readonly Entry[] }[];
  /**
   * Makes tombstones, of what this very commit writes too: of the entry with this id, or of all messages (`isSendableKind` of
   * `@chat/protocol`) below `below` whose sender is the user. They keep everything but text, data, replyTo and mentions; what is not held is left out.
   */
  readonly redact?: readonly {
    readonly conversationId: string;
    readonly messageId?: number;
    readonly userId?: string;
    readonly below: number;
  }[];
  readonly putOutbox?: readonly OutboxItem[];
  /** clientMessageIds. */
  readonly removeOutbox?: readonly string[];
  readonly users?: readonly UserProfile[];
}

/** Which entries to read; bounds are exclusive. */
export interface CacheReadQuery {
  readonly after: number;
  /** May be Infinity. */
  readonly before: number;
  /** From 1; may be Infinity. */
  readonly limit: number;
  /** Which end is taken when there are more than `limit`; the answer is always ascending. */
  readonly order: "ascending" | "descending";
}

/**
 * Where a device keeps what it holds, for one (server, user).
 *
 * Atomicity: one `commit` is applied wholly or not at all, so that entries and the ranges that vouch for them never part.
 * Order: commits apply in the order in which they were called. Reads see every commit that was called before them.
 * Values: what was handed over or read is changed by neither side. Optional fields come back as they went in: absent, not undefined.
 * Failure: methods reject with ChatError `storage_failed`; the caller may go on with a {@link Cache} in memory. `closed` after `close` or `wipe`.
 */
export interface Cache {
  /** False if everything is gone when the page is. */
  readonly persistent: boolean;

  /** Reads what is there; of an empty cache, makes a deviceId and keeps it. Called first; a later call sees what was committed before it. */
  load(): Promise<CacheSnapshot>;

  /** Entries in ascending order of messageId. */
  read(conversationId: string, query: CacheReadQuery): Promise<readonly Entry[]>;

  /**
   * @param durability `strict`: resolves when the storage says that it is on disk (the outbox). `relaxed`: what can be fetched again.
   */
  commit(changes: CacheChanges, durability: "strict" | "relaxed"): Promise<void>;

  /** Removes everything, the device's id and the outbox too, and closes. */
  wipe(): Promise<void>;

  /** Waits for what was called before and lets go. Harmless when repeated. */
  close(): Promise<void>;
}
