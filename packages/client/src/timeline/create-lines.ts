import { type Entry, kindOf } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import type { CustomData, TimelineMessage } from "../public-types.js";

/** Makes lines of entries and outbox items; the same object for the same one. @param userId who sends from this device */
export function createLines<C extends CustomData>(
  userId: string,
): (source: Entry | OutboxItem) => TimelineMessage<C> {
  const lines = new WeakMap<Entry | OutboxItem, TimelineMessage<C>>();
  return (source) => {
    let line = lines.get(source);
    if (line === undefined) {
      const { text, data, replyTo, createdAt, clientMessageId } = source;
      line = Object.freeze({
        ...("messageId" in source
          ? {
              key: clientMessageId ?? String(source.messageId),
              messageId: source.messageId,
              senderId: source.senderId,
              state: "stored" as const,
            }
          : {
              key: source.clientMessageId,
              senderId: userId,
              ...(source.failure
                ? { state: "failed" as const, error: source.failure }
                : { state: "pending" as const }),
            }),
        kind: kindOf(source),
        createdAt,
        ...(text !== undefined && { text }),
        ...(data !== undefined && { data: data }),
        ...(replyTo !== undefined && { replyTo }),
      });
      lines.set(source, line);
    }
    return line;
  };
}
