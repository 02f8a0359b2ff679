import type { ChatError, Runtime } from "@chat/protocol";
import type { AppendOutcome, Draft, Head, IdempotencyKey, MessageStore, ReadQuery } from "./message-store.js";
import type { StoredEntry } from "./stored-entry.js";

/** A draft on its way into a log, and who waits for what becomes of it. */
export interface PendingDraft {
  readonly draft: Draft;
  /** Why it is refused, given what was noted for those before it; undefined if it is not. Asked after the idempotency key. */
  refusal(): ChatError | undefined;
  /** Notes what has become of it; a later note replaces an earlier one. */
  note(outcome: AppendOutcome): void;
}

/**
 * The logs of all conversations in a store that knows nothing else of them: no members, no rows, no feed. `combineStores` makes a
 * chat store of it and a relational one. Members and rows are derived from the entries there, and a membership change is compared
 * with the members before it comes here.
 *
 * Order, durability, idempotency: as {@link MessageStore}. A conversation begins with its first entry. Every method rejects
 * with ChatError `store_unavailable` when the store can't answer.
 */
export interface MessageLog {
  /** The most drafts of one {@link append}. */
  readonly draftsAtOnce: number;

  /**
   * Checks that what it needs is there and is durable.
   * @returns the epoch: a UUID that names this log's history
   * @throws ChatError `store_unavailable` with a sentence for the operator
   */
  open(runtime: Runtime): Promise<{ readonly epoch: string }>;

  /** What the application brought stays open. Later calls are refused with `closed`. */
  close(): Promise<void>;

  /**
   * Stores drafts of one conversation in their order, and notes what becomes of each: `stored`, `duplicate`, or `refused`
   * with `membership_moved`, `not_found`, `invalid_argument`, `limit_exceeded` or `data_invalid`.
   * The caller has one append of a conversation under way; other servers may have theirs. A draft with a `redaction` comes alone.
   * Rejects with `store_unavailable` when nobody knows what became of the drafts; then all of them may be tried again. So it does, and stores
   * nothing, where the log ends below `seen`: then the log has lost what its conversation's row has seen.
   */
  append(conversationId: string, drafts: readonly PendingDraft[], seen: number): Promise<void>;

  /** As {@link MessageStore.find}. */
  find(key: IdempotencyKey): Promise<StoredEntry | undefined>;

  /** As {@link MessageStore.read}; only asked for entries at or below a head that was given, or an entry that `append` has noted. */
  read(query: ReadQuery): Promise<readonly StoredEntry[]>;

  /** As {@link MessageStore.wipe}, but for the rows. */
  wipe(query: Parameters<MessageStore["wipe"]>[0]): ReturnType<MessageStore["wipe"]>;

  /** The upper end of one log, read from the primary; undefined while it has no entry. */
  head(conversationId: string): Promise<Head | undefined>;

  /**
   * Deletes the oldest entries, as `Housekeeping.prune` does, but none above `through`.
   * @returns how many went, and the first messageId that is still held
   */
  prune(query: {
    readonly conversationId: string;
    readonly keepFrom: number;
    /** Wall-clock ms. */
    readonly keepSince: number;
    readonly through: number;
    readonly limit: number;
  }): Promise<{ readonly pruned: number; readonly firstId: number }>;
}
