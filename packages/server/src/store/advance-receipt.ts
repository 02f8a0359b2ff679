import type { Receipt, UnreadMark } from "@chat/protocol";
import type { ReceiptAdvance } from "./conversation-store.js";

/** The receipt after an advance; the same object if nothing moves. See {@link ConversationStore.advanceReceipts}. */
export function advanceReceipt(
  before: Receipt,
  { delivered = 0, read, mark }: Pick<ReceiptAdvance, "delivered" | "read" | "mark">,
): Receipt {
  const place = read !== undefined && read.messageId > before.read ? read : undefined;
  const next = {
    ...before,
    delivered: Math.max(before.delivered, delivered, read?.messageId ?? 0),
    ...(place && { read: place.messageId, readOrdinal: place.ordinal }),
  };
  const unread = mark && changedMark(before.unread, mark);
  if (next.delivered === before.delivered && place === undefined && unread === undefined) return before;
  return { ...next, ...(unread && { unread }) };
}

/** The mark after a change; undefined if it stays as it is. */
function changedMark(
  before: UnreadMark = { version: 0 },
  { version, from }: ReceiptAdvance["mark"] & object,
): UnreadMark | undefined {
  if (version !== before.version || from?.messageId === before.from) return undefined;
  return { version: version + 1, ...(from && { from: from.messageId, ordinal: from.ordinal }) };
}
