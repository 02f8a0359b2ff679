import { type Runtime, systemRuntime } from "@chat/protocol";
import { PostgresEngine } from "../../store/postgres/postgres-engine.js";
import type { PostgresPool } from "../../store/postgres/postgres-pool.js";
import type { Discovery } from "../discovery.js";
import { type DiscoveryQuery, SqlDiscovery } from "../sql/sql-discovery.js";

// PostgreSQL's own clock, so the servers' clocks need not agree.
const NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const QUERIES: Readonly<Record<DiscoveryQuery, string>> = {
  // What was left by those that died goes with the next announcement.
  announce: `WITH gone AS (DELETE FROM chat_announcement WHERE expires <= ${NOW} AND id <> $1)
    INSERT INTO chat_announcement (id, expires, server) VALUES ($1, ${NOW} + $2::bigint, $3)
    ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, server = excluded.server`,
  withdraw: "DELETE FROM chat_announcement WHERE id = $1",
  list: `SELECT server FROM chat_announcement WHERE expires > ${NOW}`,
};

/** Settings of {@link postgresDiscovery}. */
export interface PostgresDiscoveryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `postgres()`. */
  readonly migrate?: boolean;
  /** As with `postgres()`. */
  readonly prepare?: boolean;
}

/**
 * The discovery beside the store in PostgreSQL, leased by PostgreSQL's own clock. Its table is not in the write-ahead log; when a crash or a
 * failover empties it, each server announces itself again within the setting `announceInterval`.
 * @param pool the pool that `postgres()` has, or another one of the same database and schema
 */
export function postgresDiscovery(pool: PostgresPool, options: PostgresDiscoveryOptions = {}): Discovery {
  const { runtime = systemRuntime(), migrate = true, prepare = true } = options;
  // Nothing here has to survive a crash.
  const engine = new PostgresEngine(pool, { allowVolatile: true, migrate, prepare });
  return new SqlDiscovery(engine, QUERIES, runtime);
}
