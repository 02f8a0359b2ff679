import { type Entry, isSendableKind, kindOf } from "@chat/protocol";

/** True for an entry whose body a redaction takes away: that with the id, or what the user wrote below `below`. */
export function isRedacted(
  entry: Pick<Entry, "messageId" | "senderId" | "kind">,
  messageId: number | undefined,
  userId: string | undefined,
  below: number,
): boolean {
  if (messageId !== undefined) return entry.messageId === messageId;
  return entry.senderId === userId && entry.messageId < below && isSendableKind(kindOf(entry));
}
