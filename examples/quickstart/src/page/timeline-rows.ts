import { type ChatMessage, saidAt } from "./chat.js";
import { dayOf } from "./format-time.js";

/** One line of the list: a day begins, what was unread begins, somebody came or went, what nobody wants to see, or a message. */
export type TimelineRow =
  | { readonly type: "day"; readonly key: string; readonly time: number }
  | { readonly type: "unread"; readonly key: string }
  | { readonly type: "event"; readonly key: string; readonly message: ChatMessage }
  /** Messages in a row of people whom this user has blocked. */
  | { readonly type: "folded"; readonly key: string; readonly count: number }
  | {
      readonly type: "message";
      readonly key: string;
      readonly message: ChatMessage;
      readonly isOwn: boolean;
      /** The first of several by one person: the name stands above it. */
      readonly startsRun: boolean;
    };

/** After so long a pause the name stands there again. */
const RUN_MS = 5 * 60_000;
const EVENTS = new Set(["created", "members-added", "members-removed"]);

/**
 * What is shown of a timeline. Kinds of message that this page does not know are left out.
 * @param isFolded says whose messages are not shown
 * @param unreadFrom the messageId before which a line says that what follows is new
 */
export function timelineRows(
  messages: readonly ChatMessage[],
  userId: string,
  isFolded: (senderId: string) => boolean,
  unreadFrom = Infinity,
): TimelineRow[] {
  const rows: TimelineRow[] = [];
  let day: string | undefined;
  let last: ChatMessage | undefined;
  let isNew = false;
  for (const message of messages) {
    const { key, kind, text, redacted, senderId } = message;
    const isEvent = EVENTS.has(kind);
    if (!isEvent && (kind !== "text" || (text === undefined && !redacted))) continue;
    const time = saidAt(message);
    // When people come and go says little of when things were said.
    if (!isEvent && dayOf(time) !== day) {
      day = dayOf(time);
      last = undefined;
      rows.push({ type: "day", key: `day ${key}`, time });
    }
    if (!isNew && (message.messageId ?? 0) >= unreadFrom) {
      isNew = true;
      last = undefined;
      rows.push({ type: "unread", key: `unread ${unreadFrom}` });
    }
    if (isEvent) {
      rows.push({ type: "event", key, message });
      last = undefined;
      continue;
    }
    if (isFolded(senderId)) {
      const before = rows.at(-1);
      const count = before?.type === "folded" ? before.count + 1 : 1;
      if (count > 1) rows.pop();
      rows.push({ type: "folded", key: before?.type === "folded" ? before.key : `folded ${key}`, count });
      last = undefined;
      continue;
    }
    const startsRun = last?.senderId !== senderId || time - saidAt(last) > RUN_MS;
    rows.push({ type: "message", key, message, isOwn: senderId === userId, startsRun });
    last = message;
  }
  return rows;
}
