import { type FeedPosition, historyLost, parseCursor } from "../sql/feed-cursor.js";
import { currentChange } from "./change-counter.js";
import type { SqliteConnection } from "./sqlite-connection.js";

/** The feed's position in the present snapshot, and the boot that cursors minted in it name. */
export function feedPosition(connection: SqliteConnection): FeedPosition {
  const sql =
    "SELECT change, (SELECT id FROM chat_boot ORDER BY number DESC LIMIT 1) AS boot FROM chat_store";
  return connection.prepare(sql).get() as FeedPosition;
}

/**
 * The change number of a cursor. Each opening of the store ("boot") records where its history begins. A cursor is of
 * this history if its boot is, and if it does not lie beyond the point where the next boot took over: what a restored
 * backup has lost lies beyond, because the opening after the restore began below it.
 * Call it in the snapshot that the changes are read from.
 * @throws ChatError `cursor_invalid`
 */
export function decodeCursor(connection: SqliteConnection, cursor: string): number {
  const { change, boot: id } = parseCursor(cursor);
  const boot = connection
    .prepare(
      `SELECT (SELECT next.first_change FROM chat_boot next WHERE next.number > chat_boot.number
         ORDER BY next.number LIMIT 1) AS end
       FROM chat_boot WHERE id = ?`,
    )
    .get(id) as { end: number | null } | undefined;
  if (boot === undefined || change >= (boot.end ?? currentChange(connection) + 1)) {
    throw historyLost();
  }
  return change;
}
