import { type Runtime, systemRuntime } from "@chat/protocol";
import { PostgresEngine } from "../../store/postgres/postgres-engine.js";
import type { PostgresPool } from "../../store/postgres/postgres-pool.js";
import { leaseRanOut } from "../in-process-registry.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry.js";

/** In a larger conversation nobody is looked for: it has members wherever anybody is. */
const SMALL_CONVERSATION = 500;

// PostgreSQL's own clock, so the servers' clocks need not agree.
const NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
const LIVE = `id = $1 AND incarnation = $2 AND expires > ${NOW}`;

/** The statements, by what they answer. The tests look at their plans. */
export const POSTGRES_REGISTRY_QUERIES = {
  // What was left by those that died goes with whoever joins next.
  join: `WITH live AS (SELECT FROM chat_server WHERE ${LIVE}),
    dead AS (DELETE FROM chat_server WHERE expires < ${NOW} - $3::bigint AND id <> $1 RETURNING id),
    buried AS (DELETE FROM chat_session USING dead WHERE server = dead.id),
    forgotten AS (DELETE FROM chat_session WHERE server = $1 AND NOT EXISTS (SELECT FROM live))
    INSERT INTO chat_server (id, incarnation, lease, expires) VALUES ($1, $2, $3::bigint, ${NOW} + $3::bigint)
    ON CONFLICT (id) DO UPDATE
      SET incarnation = excluded.incarnation, lease = excluded.lease, expires = excluded.expires`,
  renew: `UPDATE chat_server SET expires = ${NOW} + lease WHERE ${LIVE} RETURNING id`,
  leave: `WITH gone AS (DELETE FROM chat_server WHERE id = $1 AND incarnation = $2 RETURNING id)
    DELETE FROM chat_session WHERE server IN (SELECT id FROM gone)`,
  register: `WITH live AS (SELECT id, incarnation FROM chat_server WHERE ${LIVE}),
    registered AS (
      INSERT INTO chat_session (server, incarnation, user_id, device, connection)
      SELECT id, incarnation, $3, $4, $5 FROM live
      ON CONFLICT (server, user_id, connection) DO UPDATE SET incarnation = excluded.incarnation
    )
    SELECT id FROM live`,
  unregister: "DELETE FROM chat_session WHERE server = $1 AND user_id = $2 AND connection = $3",
  servers: `SELECT id FROM chat_server WHERE expires > ${NOW}`,
  // Sessions of an earlier incarnation count for nobody. Per server it stops at the first member who is there.
  serversOf: `SELECT s.id FROM chat_conversation c CROSS JOIN chat_server s
    WHERE c.id = $1 AND s.expires > ${NOW} AND CASE
      WHEN c.member_count > ${SMALL_CONVERSATION} THEN (
        SELECT e.server FROM chat_session e WHERE e.server = s.id AND e.incarnation = s.incarnation
        ORDER BY e.server, e.user_id LIMIT 1
      ) IS NOT NULL
      ELSE EXISTS (
        SELECT FROM chat_participation p JOIN chat_session e ON e.server = s.id AND e.user_id = p.user_id
        WHERE p.conversation = c.key AND p.left_at IS NULL AND e.incarnation = s.incarnation
      )
    END`,
} as const;

/** Settings of {@link postgresRegistry}. */
export interface PostgresRegistryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `postgres()`. */
  readonly migrate?: boolean;
  /** As with `postgres()`. */
  readonly prepare?: boolean;
}

/**
 * The registry beside the store in PostgreSQL: a conversation's servers are found by one join of participations with sessions.
 * Its tables are not in the write-ahead log; when a crash or a failover empties them, each server joins again and registers
 * its sessions with its next renewal.
 * @param pool the pool that `postgres()` has, or another one of the same database and schema
 */
export function postgresRegistry(pool: PostgresPool, options: PostgresRegistryOptions = {}): Registry {
  return new PostgresRegistry(pool, options);
}

class PostgresRegistry implements Registry {
  readonly #engine: PostgresEngine;
  readonly #runtime: Runtime;
  #ready: Promise<void> | undefined;

  constructor(pool: PostgresPool, { runtime, migrate = true, prepare = true }: PostgresRegistryOptions) {
    this.#runtime = runtime ?? systemRuntime();
    // Nothing here has to survive a crash.
    this.#engine = new PostgresEngine(pool, { allowVolatile: true, migrate, prepare });
  }

  async join({ serverId, incarnation }: ServerIdentity, lease: number): Promise<void> {
    await this.#run("join", [serverId, incarnation, lease]);
  }

  async renew({ serverId, incarnation }: ServerIdentity): Promise<boolean> {
    return (await this.#run("renew", [serverId, incarnation])).length > 0;
  }

  async leave({ serverId, incarnation }: ServerIdentity): Promise<void> {
    await this.#run("leave", [serverId, incarnation]);
  }

  async register(server: ServerIdentity, session: SessionRecord): Promise<void> {
    const { userId, deviceId, connectionId } = session;
    const values = [server.serverId, server.incarnation, userId, deviceId, connectionId];
    if ((await this.#run("register", values)).length === 0) throw leaseRanOut();
  }

  async unregister({ serverId }: ServerIdentity, { userId, connectionId }: SessionRecord): Promise<void> {
    await this.#run("unregister", [serverId, userId, connectionId]);
  }

  async serversOf(conversationId: string): Promise<readonly string[]> {
    return (await this.#run("serversOf", [conversationId])).map(({ id }) => id);
  }

  async servers(): Promise<readonly string[]> {
    return (await this.#run("servers", [])).map(({ id }) => id);
  }

  async #run(
    query: keyof typeof POSTGRES_REGISTRY_QUERIES,
    values: readonly (string | number)[],
  ): Promise<readonly { readonly id: string }[]> {
    // The tables are the store's; whoever comes first makes them. A failure is tried again with the next call.
    this.#ready ??= this.#engine.attach(this.#runtime).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
    return this.#engine.statement(`registry_${query}`, POSTGRES_REGISTRY_QUERIES[query], values);
  }
}
