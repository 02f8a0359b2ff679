import type { MessageLog } from "./message-log.js";
import type { StoredEntry } from "./stored-entry.js";

/** Where a user stands in a conversation. */
export interface Standing {
  readonly member: boolean;
  readonly intervals: number;
}

/** Where users stand in a conversation, in one snapshot. */
export interface Standings {
  /** messageId of the last membership entry that the row has seen. */
  readonly membershipVersion: number;
  readonly memberCount: number;
  /** Those who never were members are left out. */
  readonly users: ReadonlyMap<string, Standing>;
}

/** Somebody was about to append to a conversation. */
export interface Mark {
  readonly conversationId: string;
  readonly owner: string;
  /** When it was last set, ms of the database's own clock. */
  readonly markedAt: number;
  /** How long ago that was, ms. */
  readonly age: number;
}

/** Entries that one commit brought into one conversation's row. */
export interface FollowedSpan {
  readonly conversationId: string;
  readonly firstId: number;
  readonly lastId: number;
}

/** A page of {@link LogFollower.spans}. */
export interface FollowedPage {
  /** In the order of the commits. */
  readonly spans: readonly FollowedSpan[];
  /** The position before them. */
  readonly start: string;
  readonly cursor: string;
  readonly more: boolean;
}

/**
 * What a relational chat store does for a log that lies in another store: its rows and participations follow the log, and
 * marks tell which of them may be behind. There is no transaction across the two: a mark is committed before the append, and is taken
 * off in the commit that brings the row up to it. Whoever finds an old one brings the row up from the log.
 */
export interface LogFollower {
  /** From now on the latest messages of former members' rows are looked up there. */
  readFrom(log: Pick<MessageLog, "read">): void;

  /** Marks those of the conversations that exist, durably. They are not {@link due} for `grace` ms. */
  mark(owner: string, conversationIds: readonly string[], grace: number): Promise<void>;

  /** Takes marks off, those that were set after a time stay. @param until ms of the database's own clock */
  unmark(owner: string, conversationIds: readonly string[], until: number): Promise<void>;

  /** Marks that are due, the oldest first; nobody else is given them for `lease` ms. */
  due(query: { readonly limit: number; readonly lease: number }): Promise<readonly Mark[]>;

  /**
   * Moves rows and participations on by what these entries say, and takes the owner's marks off, in one commit. Monotonic and
   * idempotent per conversation: entries at or below what a row has seen change nothing.
   * Resolves to the conversations that have a gap between what their row has seen and the entries: participations are derived in the order of
   * the ids, so these stay where they are, and marked.
   * @throws ChatError `not_found`
   */
  advance(entries: readonly StoredEntry[], owner?: string): Promise<readonly string[]>;

  standings(conversationId: string, userIds: readonly string[]): Promise<Standings>;

  /** What a user has written up to an id was wiped: the row shows no words of it any more. */
  wiped(query: {
    readonly conversationId: string;
    readonly userId: string;
    readonly through: number;
  }): Promise<void>;

  /** Entries below an id were deleted, the last of which has this ordinal. Monotonic. */
  pruned(conversationId: string, firstId: number, ordinal: number): Promise<void>;

  /**
   * What rows have been moved by since a position of the store-wide feed; from the beginning without one.
   * Spans of `limit` entries together, or one that is longer. @throws ChatError `cursor_invalid`
   */
  spans(query: { readonly limit: number; readonly cursor?: string }): Promise<FollowedPage>;
}
