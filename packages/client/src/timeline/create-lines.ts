import { type ConversationRow, type Entry, isSendableKind, kindOf } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import { defined } from "../runtime/defined.js";
import type { CustomData, TimelineMessage } from "../public-types.js";

type Receipts = Pick<ConversationRow, "receipts">["receipts"];

/**
 * Makes lines of entries and outbox items; the same object for the same one in the same state. Who knows the receipts of
 * the other members gives them; without, the status is the one that was shown last.
 */
export type LineOf<C extends CustomData> = (
  source: Entry | OutboxItem,
  receipts?: Receipts,
) => TimelineMessage<C>;

/** @param userId who sends from this device */
export function createLines<C extends CustomData>(userId: string): LineOf<C> {
  const lines = new WeakMap<Entry | OutboxItem, TimelineMessage<C>>();

  function statusOf(messageId: number, receipts: Receipts): TimelineMessage<C>["status"] {
    const reached = (mark: "delivered" | "read"): boolean =>
      receipts!.length > 0 && receipts!.every((receipt) => receipt[mark] >= messageId);
    return !receipts ? "sent" : reached("read") ? "read" : reached("delivered") ? "delivered" : "sent";
  }

  return (source, receipts) => {
    let line = lines.get(source);
    const stored = "messageId" in source;
    const isOwn = stored && source.senderId === userId && isSendableKind(kindOf(source));
    const status = isOwn ? statusOf(source.messageId, receipts) : undefined;
    if (line === undefined || (receipts && status !== line.status)) {
      const { text, data, replyTo, mentions, createdAt, clientMessageId } = source;
      // An item of the outbox has nothing of what only entries have, and the other way round.
      const { messageId, senderId = userId, redacted, failure } = source as Partial<Entry & OutboxItem>;
      line = Object.freeze(
        defined({
          key: clientMessageId ?? String(messageId),
          messageId,
          senderId,
          state: stored ? "stored" : failure ? "failed" : "pending",
          status,
          error: failure,
          kind: kindOf(source),
          createdAt,
          text,
          data,
          replyTo,
          mentions,
          redacted,
        } as const),
      );
      lines.set(source, line);
    }
    return line;
  };
}
