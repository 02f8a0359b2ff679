import type { MysqlConnection, MysqlQuery } from "./mysql-pool.js";

/** The driver's own way to read a column. A function, because nothing else takes precedence over one of the application's. */
const read = (_: unknown, next: () => unknown): unknown => next();

/** How our rows are read, whatever the application has set for its own. */
const AS_THEY_ARE = {
  namedPlaceholders: false,
  rowsAsArray: false,
  nestTables: false,
  typeCast: read,
} as const;

/** MySQL's numbers of the types of integers, those of 8, 16, 24, 32 and 64 bits. */
const INTEGERS = new Set([1, 2, 3, 8, 9]);

/** What a statement that answers with no rows has done. */
export interface MysqlDone {
  readonly affectedRows: number;
  readonly insertId: number;
}

/** Runs a statement that is prepared once per connection. */
export async function execute(
  connection: MysqlConnection,
  sql: string,
  values: (string | null)[],
): Promise<Record<string, unknown>[] | MysqlDone> {
  return answerOf(await connection.execute({ sql, values, ...AS_THEY_ARE } satisfies MysqlQuery));
}

/** Runs a statement without values, unprepared. */
export async function rowsOf<Row>(connection: MysqlConnection, sql: string): Promise<Row[]> {
  const answer = answerOf(await connection.query({ sql, ...AS_THEY_ARE } satisfies MysqlQuery));
  return answer instanceof Array ? (answer as Row[]) : [];
}

function answerOf([answer, fields]: readonly [unknown, unknown]): Record<string, unknown>[] | MysqlDone {
  if (!Array.isArray(answer)) return answer as MysqlDone;
  const rows = answer as Record<string, unknown>[];
  const [first] = rows;
  if (first === undefined) return rows;
  // An application may have all integers of 64 bits as text; all numbers here are safe ones.
  for (const { name, columnType } of fields as { readonly name: string; readonly columnType: number }[]) {
    if (!INTEGERS.has(columnType) || rows.every((row) => typeof row[name] !== "string")) continue;
    for (const row of rows) if (row[name] !== null) row[name] = Number(row[name]);
  }
  return rows;
}
