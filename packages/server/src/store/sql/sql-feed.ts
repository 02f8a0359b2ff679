import { encodeCursor, type FeedPosition, historyLost, parseCursor } from "./feed-cursor.js";
import type { SqlEngine, SqlValue } from "./sql-engine.js";
import type { SqlQuery } from "./sql-query.js";

/** What each row of a feed's answer begins with. The rest of the only row is null if nothing was found. */
interface FeedColumns {
  readonly position: number;
  /** The newest one. */
  readonly boot: string;
  /** Where the history of the cursor's boot ended; null if there is no such boot. */
  readonly ends: number | null;
  /** Which run of which server this is. */
  readonly instance: string;
}

/** An answer of the change feed, read in one snapshot. */
export interface FeedRows<Row> {
  /** The feed's position in that snapshot. */
  readonly now: FeedPosition;
  /** The change number of the cursor; 0 without one. */
  readonly since: number;
  readonly rows: readonly Row[];
}

/**
 * Reads from the change feed. A cursor names the boot of the store that it was minted in, see docs/decisions/0001. What a
 * failover to another server has lost is found out here, too: a boot begins before anything is said about cursors.
 * @param query its first parameter is the id of the cursor's boot
 * @param values those that follow, given the cursor's change number
 * @param isRow false for what only says that nothing was found
 * @throws ChatError `cursor_invalid`
 */
export async function feedRows<Row>(
  engine: SqlEngine,
  query: SqlQuery,
  cursor: string | undefined,
  values: (since: number) => readonly SqlValue[],
  isRow: (row: Row) => boolean,
): Promise<FeedRows<Row>> {
  const { change: since, boot: minted } =
    cursor === undefined ? { change: 0, boot: "" } : parseCursor(cursor);
  for (;;) {
    const rows = await engine.read<FeedColumns & Row>(query, [minted, ...values(since)]);
    const { position: change, boot, ends, instance } = rows[0]!;
    if (!engine.isSameInstance(instance)) {
      await engine.renewBoot();
      continue;
    }
    if (cursor !== undefined && (ends === null || since >= ends)) throw historyLost();
    return { now: { change, boot }, since, rows: rows.filter(isRow) };
  }
}

/** The cursor behind the last of some changes, or at the position of the snapshot where there are no more. */
export function cursorBehind(now: FeedPosition, more: boolean, last: number | undefined): string {
  return encodeCursor(more && last !== undefined ? { ...now, change: last } : now);
}
