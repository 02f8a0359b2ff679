import { ChatError } from "@chat/protocol";
import type { Page } from "./conversation-store.js";
import type { StoredEntry } from "./stored-entry.js";

/** How long a conversation keeps its entries. */
export interface Retention {
  /** ms after which an entry goes; 0: never. */
  readonly age: number;
  /** How many of the newest entries stay; 0: all. */
  readonly count: number;
}

/** @throws ChatError `invalid_argument` for figures that are none */
export function assertRetention(retention: Partial<Retention> | undefined): void {
  for (const figure of [retention?.age, retention?.count]) {
    if (figure !== undefined && !(Number.isSafeInteger(figure) && figure >= 0)) {
      throw new ChatError(
        "invalid_argument",
        "A retention's age (ms) and count are whole numbers from 0 on.",
      );
    }
  }
}

/** A conversation that may have entries to lose. */
export interface RetentionCandidate {
  readonly conversationId: string;
  readonly head: number;
  readonly firstId: number;
  /** The conversation's own; undefined where the server's holds. */
  readonly retention: Retention | undefined;
}

/** What was stored since a position. */
export interface LogPage {
  /** In the order of their commits, and so in the order of their ids within a conversation; as they are now. */
  readonly entries: readonly StoredEntry[];
  /** The position before them. */
  readonly start: string;
  readonly cursor: string;
  /** True if more is waiting behind the cursor. */
  readonly more: boolean;
}

/**
 * What becomes of content in the long run: erasure, retention, and the feed of everything that was stored.
 * Every method rejects with ChatError `store_unavailable` when the store can't answer.
 */
export interface Housekeeping {
  /** The conversations that a user is or was a member of, by id; paged. */
  conversationsOf(
    userId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<string>>;

  /** Notes durably that a user's words are being erased. Resolves to the id of the erasure: that of the one under way, if there is one. */
  beginErasure(userId: string, erasureId: string): Promise<string>;

  /** The erasures that have begun and not ended. */
  erasures(): Promise<readonly { readonly userId: string; readonly erasureId: string }[]>;

  /** The erasure is done. What is kept of the user's presence goes with it. */
  endErasure(userId: string): Promise<void>;

  /**
   * Takes what was wiped or deleted before the call out of the store's files and logs, too. Resolves to false
   * where copies may be left that only the operator can remove, see the page of the store.
   */
  purge(): Promise<boolean>;

  /** Conversations that have entries, by an order of their own; paged. @param query with `own`, only those with a retention of their own */
  retentionCandidates(query: {
    readonly own: boolean;
    readonly limit: number;
    readonly page?: string;
  }): Promise<Page<RetentionCandidate>>;

  /** Sets a conversation's own retention, or takes it back. @throws ChatError `not_found` */
  setRetention(conversationId: string, retention: Retention | undefined): Promise<void>;

  /**
   * Deletes the oldest entries of a conversation: from the first on, those with a lower id than `keepFrom` or a lower
   * createdAt than `keepSince`, up to the first that is neither; at most `limit`. `firstId` moves up behind them, and the feed says so (`pruned`).
   * What went is unread no more: in rows `readOrdinal` is not below the ordinal of the last entry that went, and a mark from before it moves up to `firstId`, with a higher version. Ids and idempotency keys
   * stay taken: a resend is a `duplicate`, of which ordinal and fingerprint are 0, and which is `redacted`.
   * @returns how many went
   */
  prune(query: {
    readonly conversationId: string;
    readonly keepFrom: number;
    /** Wall-clock ms. */
    readonly keepSince: number;
    readonly limit: number;
  }): Promise<number>;

  /**
   * Everything that was stored since a position of the store-wide feed; from the beginning without one. What was deleted since is left out.
   * At least what one commit stored into one conversation is returned, even if that is more than `limit`.
   * @throws ChatError `cursor_invalid`
   */
  log(query: { readonly limit: number; readonly cursor?: string }): Promise<LogPage>;
}
