import { ChatError } from "@chat/protocol";
import { currentChange } from "./change-counter.js";
import type { SqliteConnection } from "./sqlite-connection.js";

/** A position of the change feed: everything up to `change` was seen, in the history that `boot` belongs to. */
interface FeedPosition {
  readonly change: number;
  readonly boot: string;
}

const CURSOR = /^(\d{1,16})\.([0-9a-f-]{36})$/;

/** The error of a cursor or page token that is none, or comes from a history that the store has lost. */
export function cursorInvalid(sentence: string): ChatError {
  return new ChatError("cursor_invalid", `${sentence} List everything anew.`);
}

/** The feed's position in the present snapshot, and the boot that cursors minted in it name. */
export function feedPosition(connection: SqliteConnection): FeedPosition {
  const sql =
    "SELECT change, (SELECT id FROM chat_boot ORDER BY number DESC LIMIT 1) AS boot FROM chat_store";
  return connection.prepare(sql).get() as FeedPosition;
}

/** The cursor of a position. */
export function encodeCursor({ change, boot }: FeedPosition): string {
  return `${change}.${boot}`;
}

/**
 * The change number of a cursor. Each opening of the store ("boot") records where its history begins. A cursor is of
 * this history if its boot is, and if it does not lie beyond the point where the next boot took over: what a restored
 * backup has lost lies beyond, because the opening after the restore began below it.
 * Call it in the snapshot that the changes are read from.
 * @throws ChatError `cursor_invalid`
 */
export function decodeCursor(connection: SqliteConnection, cursor: string): number {
  const match = CURSOR.exec(cursor);
  if (match === null) throw cursorInvalid("This is no cursor of this store.");
  const change = Number(match[1]);
  const boot = connection
    .prepare(
      `SELECT (SELECT next.first_change FROM chat_boot next WHERE next.number > chat_boot.number
         ORDER BY next.number LIMIT 1) AS end
       FROM chat_boot WHERE id = ?`,
    )
    .get(match[2]!) as { end: number | null } | undefined;
  if (boot === undefined || change >= (boot.end ?? currentChange(connection) + 1)) {
    throw cursorInvalid("This cursor comes from a history that the store has lost.");
  }
  return change;
}
