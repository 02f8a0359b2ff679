import type { ConversationPrivacy, Mute, Receipt, UnreadMark } from "@chat/protocol";
import type { ReceiptAdvance } from "./conversation-store.js";

type Step = Pick<ReceiptAdvance, "delivered" | "read" | "mark" | "mutedUntil" | "mentionsMuted" | "privacy">;

/** A receipt as a transaction has loaded it, with what its member tells others. */
export interface KeptReceipt {
  readonly receipt: Receipt;
  /** As far as the others are told that the member has read; `receipt.read` where nothing is hidden. */
  readonly shownRead: number;
  /** Whether the member tells in conversations that say nothing of it. */
  readonly readReceipts: boolean;
}

/**
 * What is kept after an advance; the same object if nothing moves. See {@link ConversationStore.advanceReceipts}.
 * What is read while the member does not tell is shown once something is read that is told.
 */
export function advanceReceipt(before: KeptReceipt, step: Step): KeptReceipt {
  const receipt = advanced(before.receipt, step);
  if (receipt === before.receipt) return before;
  const tells = receipt.privacy?.readReceipts ?? before.readReceipts;
  const shownRead = tells && receipt.read > before.receipt.read ? receipt.read : before.shownRead;
  return { ...before, receipt, shownRead };
}

function advanced(
  before: Receipt,
  { delivered = 0, read, mark, mutedUntil, mentionsMuted, privacy }: Step,
): Receipt {
  const place = read !== undefined && read.messageId > before.read ? read : undefined;
  const next = {
    ...before,
    delivered: Math.max(before.delivered, delivered, read?.messageId ?? 0),
    ...(place && { read: place.messageId, readOrdinal: place.ordinal }),
  };
  const unread = mark && changedMark(before.unread, mark);
  const mute = mutedUntil === undefined ? undefined : changedMute(before.mute, mutedUntil, mentionsMuted);
  const stays = next.delivered === before.delivered && place === undefined;
  const told = privacy && changedPrivacy(before.privacy, privacy);
  if (stays && unread === undefined && mute === undefined && told === undefined) return before;
  return { ...next, ...(unread && { unread }), ...(mute && { mute }), ...(told && { privacy: told }) };
}

/** True if other members are to hear of an advance, in conversations where they are told: never of what is hidden from them. */
export function concernsOthers(
  { delivered, read, mark }: Step,
  before: KeptReceipt,
  after: KeptReceipt,
): boolean {
  const { receipt, shownRead } = after;
  const isHidden =
    receipt.read > before.receipt.read &&
    shownRead === before.shownRead &&
    receipt.delivered === before.receipt.delivered;
  return !isHidden && (delivered ?? read ?? mark) !== undefined;
}

/** The mark after a change; undefined if it stays as it is. */
function changedMark(
  before: UnreadMark = { version: 0 },
  { version, from }: ReceiptAdvance["mark"] & object,
): UnreadMark | undefined {
  if (version !== before.version || from?.messageId === before.from) return undefined;
  return { version: version + 1, ...(from && { from: from.messageId, ordinal: from.ordinal }) };
}

function changedMute(before: Mute = { version: 0 }, until: number, mentionsToo = false): Mute | undefined {
  const mentionsMuted = mentionsToo && until > 0;
  if (until === (before.until ?? 0) && mentionsMuted === (before.mentionsMuted ?? false)) return undefined;
  return {
    version: before.version + 1,
    ...(until > 0 && { until }),
    ...(mentionsMuted && { mentionsMuted }),
  };
}

/** The register after a change; undefined if it stays as it is. */
function changedPrivacy(
  before: ConversationPrivacy = { version: 0 },
  change: ReceiptAdvance["privacy"] & object,
): ConversationPrivacy | undefined {
  const { typing = before.typing, readReceipts = before.readReceipts } = change;
  const next = { typing: typing ?? undefined, readReceipts: readReceipts ?? undefined };
  if (next.typing === before.typing && next.readReceipts === before.readReceipts) return undefined;
  return {
    version: before.version + 1,
    ...(next.typing !== undefined && { typing: next.typing }),
    ...(next.readReceipts !== undefined && { readReceipts: next.readReceipts }),
  };
}
