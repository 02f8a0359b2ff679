import type { Mute, Receipt, UnreadMark } from "@chat/protocol";
import type { ReceiptAdvance } from "./conversation-store.js";

type Step = Pick<ReceiptAdvance, "delivered" | "read" | "mark" | "mutedUntil">;

/** The receipt after an advance; the same object if nothing moves. See {@link ConversationStore.advanceReceipts}. */
export function advanceReceipt(before: Receipt, { delivered = 0, read, mark, mutedUntil }: Step): Receipt {
  const place = read !== undefined && read.messageId > before.read ? read : undefined;
  const next = {
    ...before,
    delivered: Math.max(before.delivered, delivered, read?.messageId ?? 0),
    ...(place && { read: place.messageId, readOrdinal: place.ordinal }),
  };
  const unread = mark && changedMark(before.unread, mark);
  const mute = mutedUntil === undefined ? undefined : changedMute(before.mute, mutedUntil);
  const stays = next.delivered === before.delivered && place === undefined;
  if (stays && unread === undefined && mute === undefined) return before;
  return { ...next, ...(unread && { unread }), ...(mute && { mute }) };
}

/** True if other members are to hear of an advance, in conversations where they are told. */
export function concernsOthers({ delivered, read, mark }: Step): boolean {
  return (delivered ?? read ?? mark) !== undefined;
}

/** The mark after a change; undefined if it stays as it is. */
function changedMark(
  before: UnreadMark = { version: 0 },
  { version, from }: ReceiptAdvance["mark"] & object,
): UnreadMark | undefined {
  if (version !== before.version || from?.messageId === before.from) return undefined;
  return { version: version + 1, ...(from && { from: from.messageId, ordinal: from.ordinal }) };
}

function changedMute(before: Mute = { version: 0 }, until: number): Mute | undefined {
  if (until === (before.until ?? 0)) return undefined;
  return { version: before.version + 1, ...(until > 0 && { until }) };
}
