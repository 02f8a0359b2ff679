import { ChatError } from "@chat/protocol";

/** A position of the change feed: everything up to `change` was seen, in the history that `boot` belongs to. */
export interface FeedPosition {
  readonly change: number;
  readonly boot: string;
}

const CURSOR = /^(\d{1,16})\.([0-9a-f-]{36})$/;

/** The error of a cursor or page token that is none, or comes from a history that the store has lost. */
function cursorInvalid(sentence: string): ChatError {
  return new ChatError("cursor_invalid", `${sentence} List everything anew.`);
}

/** The error of a position that a restored backup or a failover has lost. */
export function historyLost(): ChatError {
  return cursorInvalid("This cursor comes from a history that the store has lost.");
}

/** The cursor of a position. */
export function encodeCursor({ change, boot }: FeedPosition): string {
  return `${change}.${boot}`;
}

/** What a cursor says; whether its history is the store's own is another question. @throws ChatError `cursor_invalid` */
export function parseCursor(cursor: string): FeedPosition {
  const match = CURSOR.exec(cursor);
  if (match === null) throw cursorInvalid("This is no cursor of this store.");
  return { change: Number(match[1]), boot: match[2]! };
}

/** The activity below which a page of the conversation list begins. @throws ChatError `cursor_invalid` */
export function activityOf(page: string): number {
  if (!/^\d{1,16}$/.test(page)) throw cursorInvalid("This is no page of the list.");
  return Number(page);
}
