import { type ServerDialect, ServerEngine } from "../sql/server-engine.js";
import type { SqlValue } from "../sql/sql-engine.js";
import { compileStatement } from "./compile-statement.js";
import { assertSchema, migrateConnection } from "./migrate-mysql.js";
import { MysqlConnections } from "./mysql-connection.js";
import { failureOf, isDuplicate } from "./mysql-failure.js";
import type { MysqlConnection, MysqlPool } from "./mysql-pool.js";
import { MYSQL_QUERIES, type MysqlText } from "./mysql-queries.js";
import { execute, type MysqlDone, rowsOf } from "./mysql-statement.js";
import { writeBatch } from "./write-batch.js";

/** What a boot begins with, under the lock that change numbers are given out under. */
const BOOT = {
  lock: "SELECT s.last_change FROM chat_store s WHERE s.id = 1 FOR UPDATE",
  begin:
    "INSERT INTO chat_boot (id, first_change) SELECT $1, s.last_change + 1 FROM chat_store s WHERE s.id = 1",
} as const;

/** What the engine is told by the application. */
export interface MysqlEngineOptions {
  readonly allowVolatile: boolean;
  readonly migrate: boolean;
}

/** MySQL or MariaDB, over the application's own pool. */
export class MysqlEngine extends ServerEngine<MysqlConnection, MysqlText> {
  constructor(pool: MysqlPool, options: MysqlEngineOptions) {
    super(dialectOf(pool, options));
  }
}

function dialectOf(
  pool: MysqlPool,
  { allowVolatile, migrate }: MysqlEngineOptions,
): ServerDialect<MysqlConnection, MysqlText> {
  const connections = new MysqlConnections(pool, allowVolatile);
  const run = (connection: MysqlConnection, text: string, values: readonly SqlValue[]) => {
    const { sql, valuesOf } = compileStatement(text);
    return execute(connection, sql, valuesOf(values, connections.instanceOf(connection)));
  };
  return {
    name: "mysql",
    queries: MYSQL_QUERIES,
    epoch: "SELECT s.epoch FROM chat_store s WHERE s.id = 1",
    failureOf,
    use: (runtime, work) => connections.use(runtime, work),
    prepare: (connection) => (migrate ? migrateConnection(connection) : assertSchema(connection)),
    async begin(connection) {
      // For this transaction alone. Gaps are not locked, and each statement sees what was committed before it.
      await rowsOf(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
      await rowsOf(connection, "START TRANSACTION READ WRITE");
      return connections.instanceOf(connection);
    },
    async query<Row>(
      connection: MysqlConnection,
      name: string,
      text: MysqlText,
      values: readonly SqlValue[],
    ) {
      let answer: readonly unknown[] | MysqlDone = [];
      for (const statement of typeof text === "string" ? [text] : text) {
        try {
          answer = await run(connection, statement, values);
        } catch (thrown) {
          // Somebody else was first with this conversation or this pair, and is committed.
          if (name === "reserve" && isDuplicate(thrown)) return [];
          throw thrown;
        }
      }
      if (answer instanceof Array) return answer as Row[];
      // A row for each that was written, where MySQL tells no more.
      return Array.from({ length: answer.affectedRows }, () => ({}) as Row);
    },
    async end(connection, how) {
      await rowsOf(connection, how);
    },
    write: (connection, writes) =>
      writeBatch(async (text, values) => {
        const answer = await run(connection, text, values);
        return answer instanceof Array ? 0 : answer.insertId;
      }, writes),
    async beginBoot(connection, id) {
      await run(connection, BOOT.lock, []);
      await run(connection, BOOT.begin, [id]);
    },
  };
}
