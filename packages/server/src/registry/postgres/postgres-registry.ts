import { type Runtime, systemRuntime } from "@chat/protocol";
import { PostgresEngine } from "../../store/postgres/postgres-engine.js";
import type { PostgresPool } from "../../store/postgres/postgres-pool.js";
import type { Registry } from "../registry.js";
import { SMALL_CONVERSATION, SqlRegistry } from "../sql/sql-registry.js";

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
  const { runtime = systemRuntime(), migrate = true, prepare = true } = options;
  // Nothing here has to survive a crash.
  const engine = new PostgresEngine(pool, { allowVolatile: true, migrate, prepare });
  return new SqlRegistry(engine, POSTGRES_REGISTRY_QUERIES, runtime);
}
