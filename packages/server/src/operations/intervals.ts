import { ChatError } from "@chat/protocol";
import type { Interval, Participation } from "../store/conversation-store.js";

/** The highest id that a present or former member may see; 0 if none. */
export function visibleHead({ intervals, head }: Pick<Participation, "intervals" | "head">): number {
  const { to } = intervals[intervals.length - 1]!;
  return to === undefined ? head : Math.min(head, to - 1);
}

/** True if the member may see the id, and it exists. */
export function isVisible(
  participation: Pick<Participation, "intervals" | "head">,
  messageId: number,
): boolean {
  return (
    messageId <= participation.head &&
    participation.intervals.some((interval) => contains(interval, messageId))
  );
}

function contains({ from, to }: Interval, messageId: number): boolean {
  return messageId >= from && (to === undefined || messageId < to);
}
/** @throws ChatError `invalid_argument` */
export function assertVisible(participation: Participation, replyTo: number | undefined): void {
  if (replyTo === undefined || isVisible(participation, replyTo)) return;
  throw new ChatError("invalid_argument", "replyTo must be the messageId of an entry that you can see.");
}
