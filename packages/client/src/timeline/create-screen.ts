import type { Entry } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import type { CustomData, TimelineMessage } from "../public-types.js";
import type { Replica } from "../sync/replica.js";
import type { LineOf } from "./create-lines.js";
import { mergeTimeline } from "./merge-timeline.js";

/** Makes what a screen reads of entries and outbox items: the same array until some line of it is another one. */
export function createScreen<C extends CustomData>(
  lineOf: LineOf<C>,
  replica: Replica,
): (entries: readonly Entry[], outbox: readonly OutboxItem[]) => readonly TimelineMessage<C>[] {
  let made: readonly unknown[] = [];
  let messages: readonly TimelineMessage<C>[] = [];
  return (entries, outbox) => {
    const { receipts } = replica.row;
    const source = [entries, outbox, receipts];
    if (made.length > 0 && source.every((part, index) => part === made[index])) return messages;
    made = source;
    const next = mergeTimeline(entries, outbox).map((line) => lineOf(line, receipts));
    if (next.length !== messages.length || next.some((line, index) => line !== messages[index])) {
      messages = next;
    }
    return Object.freeze(messages);
  };
}
