import type { ChatError, HistoryVisibility, JsonObject, Role } from "@chat/protocol";
import type { StoredEntry } from "./stored-entry.js";

/** The idempotency key of an entry: unique in the store for ever, longer than the entry's body. */
export interface IdempotencyKey {
  readonly conversationId: string;
  readonly senderId: string;
  readonly deviceId: string;
  readonly clientMessageId: string;
}

/** What a membership entry does to the participations, in the commit that stores it. */
export interface MembershipChange {
  /** Users that are no members now. Their interval begins at this entry. */
  readonly add: readonly { readonly userId: string; readonly role: Role }[];
  /** Users that are members now. Their interval ends before this entry. */
  readonly remove: readonly string[];
  /**
   * True if those who are added see the conversation from its first entry on: their one interval then begins at 1, and takes
   * in all that they had before.
   */
  readonly fromStart?: boolean;
  /** Roles of users who are members after this entry. */
  readonly roles?: readonly { readonly userId: string; readonly role: Role }[];
}

/** What an entry changes of the conversation's row, in the commit that stores it. What is absent stays. */
export interface ConversationUpdate {
  /** An empty one removes the name. */
  readonly name?: string;
  /** An empty one removes the data. */
  readonly data?: JsonObject;
  /** Holds for those who join after this entry. */
  readonly historyVisibility?: HistoryVisibility;
}

/** What a redaction takes away: the body of one message, or those of everything that a user has written so far. */
export type RedactionTarget =
  | { readonly messageId: number; readonly userId?: undefined }
  | {
      readonly userId: string;
      readonly messageId?: undefined;
      /** {@link MessageStore.wipe} has wiped everything up to it: what lies above is wiped in the commit. */
      readonly wipedThrough: number;
    };

/** Bodies that the commit of an `erased` entry wipes at the most; those before are wiped by {@link MessageStore.wipe}. */
export const ERASED_AT_ONCE = 500;

/** An entry that waits to be stored. */
export interface Draft extends IdempotencyKey {
  readonly kind: string;
  readonly text?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  /** Each once; never empty. */
  readonly mentions?: readonly string[];
  /** Wall-clock ms. */
  readonly createdAt: number;
  /** False for membership entries: they don't raise the ordinal. One that does raises its sender's receipt, too. */
  readonly countsAsUnread: boolean;
  /**
   * The membership state under which the draft was allowed: the messageId of the conversation's last membership
   * entry, 0 before the first. If it has moved, append refuses with `membership_moved`.
   */
  readonly membershipVersion: number;
  /** Only on membership entries, whose messageId becomes the conversation's membershipVersion. */
  readonly membership?: MembershipChange;
  /** What of the conversation itself changes with the entry. With `historyVisibility` it is a membership entry, too. */
  readonly update?: ConversationUpdate;
  /**
   * Only on entries of the kinds `redacted` and `erased`. In the commit that stores the entry the store makes tombstones
   * of what is named, takes the snippet out of the rows that show it, raises the conversation's `lastRedaction` to the
   * entry and writes its data: the target, and as `previous` the `lastRedaction` before.
   */
  readonly redaction?: RedactionTarget;
}

/**
 * What became of one draft.
 * `stored`: durable and numbered. `duplicate`: its idempotency key was stored before; `entry` is that first one.
 * `refused`: nothing of it was stored, or, when the error is retryable, perhaps; the same draft may be tried again.
 */
export type AppendOutcome =
  | { readonly status: "stored" | "duplicate"; readonly entry: StoredEntry }
  | { readonly status: "refused"; readonly error: ChatError };

/** The upper end of a conversation's log. */
export interface Head {
  /** The highest messageId; 0 while the conversation has no entry. */
  readonly head: number;
  /** Fingerprint of the entry at `head`; 0 if none. */
  readonly fingerprint: number;
  readonly ordinal: number;
  /** messageId of the last membership entry; 0 if none. */
  readonly membershipVersion: number;
  /** The first messageId that is still held. */
  readonly firstId: number;
  /** messageId of the last `redacted` or `erased` entry; 0 if none. */
  readonly lastRedaction: number;
  /** True of a direct conversation of two of whom one has blocked the other; else absent. */
  readonly isBlocked?: boolean;
}

/** Which entries to read. Bounds are exclusive. */
export interface ReadQuery {
  readonly conversationId: string;
  /** Only entries above it. */
  readonly after: number;
  /** Only entries below it. */
  readonly before: number;
  /** `ascending` takes the oldest first, `descending` the newest first; the answer is always in ascending order. */
  readonly order: "ascending" | "descending";
  /** The most entries. */
  readonly limit: number;
  /** Stops after the entry that brings text, data and mentions above so many bytes; at least one entry is returned. */
  readonly maxBytes: number;
}

/**
 * The log of every conversation; the only truth.
 *
 * Order: within a conversation messageIds are contiguous from 1, and whoever can read n can read every id below n.
 * Durability: what `append` reported as stored survives the crash of process and machine.
 */
export interface MessageStore {
  /**
   * Stores drafts, in their order, and resolves when each is durable or refused: one outcome per draft, same order.
   * The conversation's row and the participations move on in the same commit; see `combineStores` for two stores.
   *
   * Atomicity: draft by draft; a bad draft fails alone, with one exception: behind a draft that was refused with a
   * retryable error, later drafts of the same (conversation, sender, device) in the same call are refused with
   * `out_of_order`, so that the sends of one device keep their order.
   * Idempotency: by {@link IdempotencyKey}, looked up before anything else, inside the batch too.
   * Refusals: `not_found` (no such conversation), `membership_moved` (also for a message into a direct conversation of two of whom one
   * has blocked the other, unless it is the system's: whoever allowed it did not know yet), `limit_exceeded` (members, intervals),
   * `invalid_argument` (a membership change that does not fit the members, a redaction of what does not count as unread; of what is not there: `not_found`),
   * `limit_exceeded` too for an erasure that leaves more than 500 bodies to wipe, `data_invalid`, `overloaded` (too much waits),
   * `store_unavailable` (retryable: busy, full, broken, outcome unknown), `closed`.
   * Concurrent calls may share one commit. Never rejects.
   */
  append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]>;

  /** The entry that was stored under a key, if any. @throws ChatError `store_unavailable` */
  find(key: IdempotencyKey): Promise<StoredEntry | undefined>;

  /** Entries in ascending order of messageId. @throws ChatError `store_unavailable` */
  read(query: ReadQuery): Promise<readonly StoredEntry[]>;

  /**
   * Makes tombstones of what a user wrote into a conversation above an id, the lowest first: text, data, replyTo and mentions
   * are gone from the store, and from the rows that showed them; nobody is told. Membership entries stay.
   * Resolves to how many messages were found (tombstones are), how many bodies were wiped, and up to where nothing of the user is left.
   * @throws ChatError `store_unavailable`
   */
  wipe(query: {
    readonly conversationId: string;
    readonly userId: string;
    readonly after: number;
    /** The most entries that are looked at. */
    readonly limit: number;
  }): Promise<{ readonly found: number; readonly wiped: number; readonly through: number }>;

  /** The heads of those conversations that exist, read from the primary. @throws ChatError `store_unavailable` */
  heads(conversationIds: readonly string[]): Promise<ReadonlyMap<string, Head>>;
}
