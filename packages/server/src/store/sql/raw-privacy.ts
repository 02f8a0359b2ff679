import { DEFAULT_PRIVACY, type UserPrivacy } from "@chat/protocol";
import type { Blocks } from "../conversation-store.js";

/** What a user tells others, as a database gives it. */
export interface RawPrivacy {
  readonly userId: string;
  readonly version: number;
  /** Some databases have no truth values; null: never set. */
  readonly typing: number | boolean | null;
  readonly readReceipts: number | boolean | null;
  /** A JSON array of user ids, in any order. */
  readonly blocked: string;
}

/** One user has blocked another. */
export interface RawBlock {
  readonly userId: string;
  readonly blocked: string;
}

/** As {@link ConversationStore.blocks} tells it. */
export function toBlocks(userId: string, rows: readonly RawBlock[]): Blocks {
  return {
    blocked: rows.flatMap((row) => (row.userId === userId ? [row.blocked] : [])).sort(),
    blockedBy: rows.flatMap((row) => (row.blocked === userId ? [row.userId] : [])).sort(),
  };
}

/** What a user tells others, as users of the store see it. */
export function toPrivacy({ version, typing, readReceipts, blocked }: RawPrivacy): UserPrivacy {
  return {
    version,
    typing: Boolean(typing ?? DEFAULT_PRIVACY.typing),
    readReceipts: Boolean(readReceipts ?? DEFAULT_PRIVACY.readReceipts),
    blocked: (JSON.parse(blocked) as string[]).sort(),
  };
}
