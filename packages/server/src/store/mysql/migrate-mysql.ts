import { unavailable } from "../sql/unavailable.js";
import { isColumnThere } from "./mysql-failure.js";
import { MYSQL_MIGRATIONS } from "./mysql-migrations.js";
import { rowsOf } from "./mysql-statement.js";
import type { MysqlConnection, MysqlPool } from "./mysql-pool.js";

/** How long two that migrate at once wait for each other, s. */
const LOCK_SECONDS = 12;
/** Named locks are the server's, not the database's. */
const LOCK = "CONCAT('chat_migrate ', LEFT(SHA2(DATABASE(), 256), 16))";

const HAS_SCHEMA =
  "SELECT COUNT(*) AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'chat_store'";

/** The version of the schema; 0 if there is none yet. */
async function schemaVersion(connection: MysqlConnection): Promise<number> {
  const [there] = await rowsOf<{ readonly found: number }>(connection, HAS_SCHEMA);
  if (Number(there!.found) === 0) return 0;
  const [row] = await rowsOf<{ readonly version: number }>(
    connection,
    "SELECT schema_version AS version FROM chat_store",
  );
  return row?.version ?? 0;
}

function assertNotNewer(version: number): void {
  if (version <= MYSQL_MIGRATIONS.length) return;
  throw unavailable(
    `The database has schema version ${version}, this @chat/server knows ${MYSQL_MIGRATIONS.length}; upgrade @chat/server.`,
  );
}

/**
 * Fails unless the schema is the one that this version works with.
 * @throws ChatError `store_unavailable`
 */
export async function assertSchema(connection: MysqlConnection): Promise<void> {
  const version = await schemaVersion(connection);
  assertNotNewer(version);
  if (version < MYSQL_MIGRATIONS.length) {
    throw unavailable(
      `The database has schema version ${version}, this @chat/server needs ${MYSQL_MIGRATIONS.length}; run migrateMysql(pool).`,
    );
  }
}

/** Runs a statement of a migration, which may have been run by one that ended half-way. */
async function runAgain(connection: MysqlConnection, statement: string): Promise<void> {
  try {
    await rowsOf(connection, statement);
  } catch (thrown) {
    // MySQL knows no ADD COLUMN IF NOT EXISTS. A statement adds all of its columns or none.
    if (!isColumnThere(thrown)) throw thrown;
  }
}

/** {@link migrateMysql}, on a connection. */
export async function migrateConnection(connection: MysqlConnection): Promise<void> {
  // Most starts find nothing to do, and need no right to change tables.
  const before = await schemaVersion(connection);
  assertNotNewer(before);
  if (before === MYSQL_MIGRATIONS.length) return;
  // Statements that change tables commit by themselves, so no lock of a transaction would last.
  const [lock] = await rowsOf<{ readonly got: number | null }>(
    connection,
    `SELECT GET_LOCK(${LOCK}, ${LOCK_SECONDS}) AS got`,
  );
  if (lock!.got !== 1)
    throw unavailable("Somebody else migrates this database; try again when that is done.");
  try {
    const version = await schemaVersion(connection);
    assertNotNewer(version);
    for (const [index, step] of MYSQL_MIGRATIONS.entries()) {
      if (index < version) continue;
      for (const statement of step) await runAgain(connection, statement);
      await rowsOf(connection, `UPDATE chat_store SET schema_version = ${index + 1}`);
    }
  } finally {
    await rowsOf(connection, `SELECT RELEASE_LOCK(${LOCK})`);
  }
}

/**
 * Brings the schema up to this version; what several processes do at once, one of them does. One that ends half-way is gone on with by the
 * next. For teams whose servers may not change tables: run it when you deploy, and say `mysql(pool, { migrate: false })` in the servers.
 * @throws ChatError `store_unavailable` if the database is of a newer version; what `mysql2` throws
 */
export async function migrateMysql(pool: MysqlPool): Promise<void> {
  const connection = await pool.getConnection();
  try {
    await migrateConnection(connection);
  } finally {
    connection.release();
  }
}
