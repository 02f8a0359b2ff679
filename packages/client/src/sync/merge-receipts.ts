import type { ConversationRow, MemberReceipt, OwnReceipt } from "@chat/protocol";
import { defined } from "../runtime/defined.js";

type Own = Pick<OwnReceipt, "delivered" | "read" | "readOrdinal" | "unread" | "mute" | "privacy">;

/** The later of two states of the user's own receipt. @param answered the registers of `next` count, whatever their versions */
export function mergeOwn(before: Own, next: Own, answered = false): Own {
  // Where the entry is kept no more, the server names the ordinal of the next one that is.
  const isFurther = next.read - before.read || next.readOrdinal - before.readOrdinal;
  const { read, readOrdinal } = isFurther > 0 ? next : before;
  const later = <K extends "unread" | "mute" | "privacy">(register: K): Own[K] =>
    (answered || (next[register]?.version ?? 0) > (before[register]?.version ?? 0) ? next : before)[register];
  return defined({
    ...{ delivered: Math.max(before.delivered, next.delivered), read, readOrdinal },
    ...{ unread: later("unread"), mute: later("mute"), privacy: later("privacy") },
  });
}

/** The row with what came of other members; those whom it does not tell of are left out. */
export function mergeOthers(row: ConversationRow, next: readonly MemberReceipt[]): ConversationRow {
  const byId = new Map(next.map((receipt) => [receipt.userId, receipt]));
  if (!row.receipts?.some(({ userId }) => byId.has(userId))) return row;
  return {
    ...row,
    receipts: row.receipts.map((before) => {
      const { delivered, read } = byId.get(before.userId) ?? before;
      if (delivered <= before.delivered && read <= before.read) return before;
      return {
        ...before,
        delivered: Math.max(delivered, before.delivered),
        read: Math.max(read, before.read),
      };
    }),
  };
}

/**
 * A row of the server, with what is held of receipts where that is later.
 * @param isFirst of this connection: then what it says of others and of the mark counts
 * @param isMarked the mark was changed here, and the server does not know yet
 */
export function mergeRow(
  before: ConversationRow,
  next: ConversationRow,
  isFirst: boolean,
  isMarked: boolean,
): ConversationRow {
  if (!next.member) return next;
  const { unread: _, mute: __, privacy: ___, ...row } = next;
  const merged = { ...row, ...mergeOwn(before, next, isFirst && !isMarked) };
  return isFirst ? merged : mergeOthers(merged, before.receipts ?? []);
}

/** How many messages of others are unread, and the id from which on. */
export function unreadOf({ member, headOrdinal, read, readOrdinal, unread }: ConversationRow): {
  readonly unreadCount: number;
  readonly firstUnreadId?: number;
} {
  const [before, base] = unread?.from ? [unread.from - 1, unread.ordinal!] : [read, readOrdinal];
  const unreadCount = member ? Math.max(0, headOrdinal - base) : 0;
  return { unreadCount, ...(unreadCount > 0 && { firstUnreadId: before + 1 }) };
}
