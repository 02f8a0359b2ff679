import { unavailable } from "../sql/unavailable.js";
import { POSTGRES_MIGRATIONS } from "./postgres-migrations.js";
import type { PostgresClient, PostgresPool } from "./postgres-pool.js";
import { POSTGRES_TYPES } from "./postgres-types.js";

/** Two that migrate at once take turns by it. Advisory locks are the database's: the number is only ours. */
const MIGRATION_LOCK = "7310579611239210";

// Looked up as a row of the catalogue: a look-up by name (to_regclass) remembers that there was none, and what another
// process has made while this one waited for the lock is not seen.
const HAS_SCHEMA = `SELECT EXISTS (
  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = 'chat_store' AND n.nspname = ANY(current_schemas(false))
) AS there`;

async function rowsOf(client: PostgresClient, text: string): Promise<readonly Record<string, unknown>[]> {
  const { rows } = await client.query({ text, types: POSTGRES_TYPES });
  return rows as Record<string, unknown>[];
}

/** The version of the schema; 0 if there is none yet. */
async function schemaVersion(client: PostgresClient): Promise<number> {
  const [there] = await rowsOf(client, HAS_SCHEMA);
  if (there!["there"] !== true) return 0;
  const [row] = await rowsOf(client, "SELECT schema_version AS version FROM chat_store");
  return Number(row!["version"]);
}

/**
 * Fails unless the schema is the one that this version works with.
 * @throws ChatError `store_unavailable`
 */
export async function assertSchema(client: PostgresClient): Promise<void> {
  const version = await schemaVersion(client);
  assertNotNewer(version);
  if (version < POSTGRES_MIGRATIONS.length) {
    throw unavailable(
      `The database has schema version ${version}, this @chat/server needs ${POSTGRES_MIGRATIONS.length}; run migratePostgres(pool).`,
    );
  }
}

function assertNotNewer(version: number): void {
  if (version <= POSTGRES_MIGRATIONS.length) return;
  throw unavailable(
    `The database has schema version ${version}, this @chat/server knows ${POSTGRES_MIGRATIONS.length}; upgrade @chat/server.`,
  );
}

/** {@link migratePostgres}, on a client that is no longer usable if this throws. */
export async function migrateClient(client: PostgresClient): Promise<void> {
  // Most starts find nothing to do, and need no right to change tables.
  const before = await schemaVersion(client);
  assertNotNewer(before);
  if (before === POSTGRES_MIGRATIONS.length) return;
  await rowsOf(client, "BEGIN ISOLATION LEVEL READ COMMITTED");
  await rowsOf(client, `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
  const version = await schemaVersion(client);
  assertNotNewer(version);
  for (const step of POSTGRES_MIGRATIONS.slice(version)) await rowsOf(client, step);
  await rowsOf(client, `UPDATE chat_store SET schema_version = ${POSTGRES_MIGRATIONS.length}`);
  await rowsOf(client, "COMMIT");
}

/**
 * Brings the schema up to this version, in one transaction; what several processes do at once, one of them does. For teams whose
 * servers may not change tables: run it when you deploy, and say `postgres(pool, { migrate: false })` in the servers.
 * @throws ChatError `store_unavailable` if the database is of a newer version; what `pg` throws
 */
export async function migratePostgres(pool: PostgresPool): Promise<void> {
  const client = await pool.connect();
  let problem: Error | undefined;
  const note = (error: Error): void => void (problem ??= error);
  client.on("error", note);
  try {
    await migrateClient(client);
  } catch (error) {
    problem = error instanceof Error ? error : new Error("Migrating failed.", { cause: error });
    throw error;
  } finally {
    client.off("error", note);
    // What failed half-way is rolled back by the end of its connection.
    client.release(problem);
  }
}
