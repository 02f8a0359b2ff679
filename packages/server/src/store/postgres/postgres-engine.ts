import type { Runtime } from "@chat/protocol";
import { type ServerDialect, ServerEngine } from "../sql/server-engine.js";
import type { SqlValue } from "../sql/sql-engine.js";
import { assertDurable } from "./durability.js";
import { assertSchema, migrateClient } from "./migrate-postgres.js";
import { PostgresConnections } from "./postgres-connection.js";
import { failureOf } from "./postgres-failure.js";
import type { PostgresClient, PostgresPool } from "./postgres-pool.js";
import { POSTGRES_TYPES } from "./postgres-types.js";
import { FEED, POSTGRES_QUERIES } from "./postgres-queries.js";
import { writeBatch } from "./write-batch.js";

/** What a boot begins with, under the lock that change numbers are given out under. */
const BOOT = {
  lock: "SELECT FROM chat_store FOR NO KEY UPDATE",
  // A logical copy of the tables brings no sequences along.
  sequence: `${FEED} SELECT setval('chat_change', feed.position) FROM feed, chat_change
    WHERE feed.position > chat_change.last_value`,
  begin: `${FEED} INSERT INTO chat_boot (id, first_change) SELECT $1, feed.position + 1 FROM feed`,
} as const;

/** What the engine is told by the application. */
export interface PostgresEngineOptions {
  readonly allowVolatile: boolean;
  readonly migrate: boolean;
  readonly prepare: boolean;
}

/** PostgreSQL, over the application's own pool. */
export class PostgresEngine extends ServerEngine<PostgresClient, string> {
  readonly #pool: PostgresPool;
  /** An idle connection was lost; the next call will tell whether there are others. */
  readonly #onPoolError = (error: Error): void =>
    this.runtime.log("debug", "postgres_connection_lost", { error: String(error) });

  constructor(pool: PostgresPool, options: PostgresEngineOptions) {
    super(dialectOf(pool, options));
    this.#pool = pool;
  }

  override attach(runtime: Runtime): Promise<void> {
    // A pool that nobody listens to ends the process when PostgreSQL ends an idle connection. Once, however often this is tried.
    this.#pool.off("error", this.#onPoolError);
    this.#pool.on("error", this.#onPoolError);
    return super.attach(runtime);
  }

  override async close(): Promise<void> {
    await super.close();
    this.#pool.off("error", this.#onPoolError);
  }
}

function dialectOf(
  pool: PostgresPool,
  { allowVolatile, migrate, prepare }: PostgresEngineOptions,
): ServerDialect<PostgresClient, string> {
  const connections = new PostgresConnections(pool, prepare);
  const begin = beginOf(allowVolatile);
  return {
    name: "postgres",
    queries: POSTGRES_QUERIES,
    epoch: "SELECT epoch FROM chat_store",
    failureOf,
    use: (runtime, work) => connections.use(runtime, work),
    async prepare(client) {
      await assertDurable(client, allowVolatile);
      await (migrate ? migrateClient(client) : assertSchema(client));
    },
    async begin(client) {
      const [row] = await plain(client, begin);
      return (row as { readonly instance: string }).instance;
    },
    query: (client, name, text, values) => connections.query(client, name, text, values.map(parameterOf)),
    async end(client, how) {
      await plain(client, how);
    },
    write: (client, writes) =>
      writeBatch((name, text, values) => connections.query(client, `write_${name}`, text, values), writes),
    async beginBoot(client, id) {
      const query = (name: keyof typeof BOOT, values: unknown[]): Promise<unknown[]> =>
        connections.query(client, `boot_${name}`, BOOT[name], values);
      await query("lock", []);
      await query("sequence", [""]);
      await query("begin", [id]);
    },
  };
}

/** Statements without parameters, in one message; the rows of the last one. */
async function plain(client: PostgresClient, text: string): Promise<readonly unknown[]> {
  const answer: unknown = await client.query({ text, types: POSTGRES_TYPES });
  const last = (Array.isArray(answer) ? answer[answer.length - 1] : answer) as { readonly rows: unknown[] };
  return last.rows;
}

/** pg makes a Buffer of bytes by itself, but not of a view of some. */
function parameterOf(value: SqlValue): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

/**
 * What every transaction begins with. A server that goes away half-way holds no locks for long; a commit is waited for until it is on
 * the disk, whatever the role's or the session's default is.
 */
function beginOf(allowVolatile: boolean): string {
  const synchronous = `, set_config('synchronous_commit',
    replace(current_setting('synchronous_commit'), 'off', 'on'), true)`;
  return `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SELECT set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '10s', true)
    ${allowVolatile ? "" : synchronous}, extract(epoch FROM pg_postmaster_start_time())::text AS instance`;
}
