import { type Entry, kindOf } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import { defined } from "../runtime/defined.js";
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
      const stored = "messageId" in source;
      line = Object.freeze(
        defined({
          key: clientMessageId ?? String(stored && source.messageId),
          messageId: stored ? source.messageId : undefined,
          senderId: stored ? source.senderId : userId,
          state: stored ? "stored" : source.failure ? "failed" : "pending",
          error: stored ? undefined : source.failure,
          kind: kindOf(source),
          createdAt,
          text,
          data,
          replyTo,
          redacted: stored ? source.redacted : undefined,
        } as const),
      );
      lines.set(source, line);
    }
    return line;
  };
}
