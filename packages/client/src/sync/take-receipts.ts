import type { ConversationRow, OwnReceipt } from "@chat/protocol";
import { curMax } from "./held-ranges.js";
import { mergeOwn } from "./merge-receipts.js";
import type { Replica } from "./replica.js";

/** A mark that is based on an older one than the server's has been taken, or came too late. */
export function supersede(replica: Replica, { unread }: Pick<OwnReceipt, "unread">): void {
  if ((unread?.version ?? 0) > (replica.mark?.version ?? Infinity)) replica.mark = undefined;
}

/** Takes how far the user has come, by the server. @param answered it answers what this device has said */
export function takeOwnReceipt(
  replica: Replica,
  receipt: Omit<OwnReceipt, "conversationId">,
  answered: boolean,
): void {
  replica.ackedRead = Math.max(replica.ackedRead, receipt.read);
  supersede(replica, receipt);
  const { unread: _, mute: __, privacy: ___, ...row } = replica.row;
  replica.row = { ...row, ...mergeOwn(replica.row, receipt, answered && !replica.mark) };
}

/** Takes it that the server refuses for good what this device has said. */
export function takeRefusal(replica: Replica): void {
  const { row, ranges } = replica;
  Object.assign(replica, { ackedRead: row.read, mark: undefined });
  replica.row = { ...row, delivered: Math.max(row.delivered, curMax(ranges)) };
}

/** Takes how far the user has come, by this device. */
export function takeMark(
  replica: Replica,
  { unread, ...place }: Partial<Pick<ConversationRow, "read" | "readOrdinal" | "unread">>,
): void {
  const { version = 0, from, ordinal } = unread ?? {};
  if (unread) replica.mark = { version, ...(from && { from }) };
  const shown = { version, ...(from && { from, ordinal: ordinal! }) };
  replica.row = { ...replica.row, ...place, ...(unread && { unread: shown }) };
}
