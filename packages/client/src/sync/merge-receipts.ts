import type { ConversationRow, MemberReceipt, OwnReceipt } from "@chat/protocol";

type Own = Pick<OwnReceipt, "delivered" | "read" | "readOrdinal" | "unread" | "mute">;

/** The later of two states of the user's own receipt. @param answered the registers of `next` count, whatever their versions */
export function mergeOwn(before: Own, next: Own, answered = false): Own {
  const { read, readOrdinal } = next.read > before.read ? next : before;
  const later = answered || (next.unread?.version ?? 0) > (before.unread?.version ?? 0);
  const { unread } = later ? next : before;
  const isMuteLater = answered || (next.mute?.version ?? 0) > (before.mute?.version ?? 0);
  const { mute } = isMuteLater ? next : before;
  return {
    ...{ delivered: Math.max(before.delivered, next.delivered), read, readOrdinal },
    ...(unread && { unread }),
    ...(mute && { mute }),
  };
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
  const { unread: _, mute: __, ...row } = next;
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
