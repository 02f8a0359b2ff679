import { type Runtime, systemRuntime } from "@chat/protocol";
import { MysqlEngine } from "../../store/mysql/mysql-engine.js";
import type { MysqlPool } from "../../store/mysql/mysql-pool.js";
import { type MysqlText, NOW } from "../../store/mysql/mysql-queries.js";
import type { Discovery } from "../discovery.js";
import { type DiscoveryQuery, SqlDiscovery } from "../sql/sql-discovery.js";

const QUERIES: Readonly<Record<DiscoveryQuery, MysqlText>> = {
  // What was left by those that died goes with the next announcement.
  announce: [
    `DELETE a FROM chat_announcement a WHERE a.expires <= ${NOW} AND a.id <> $1`,
    `INSERT INTO chat_announcement (id, expires, server)
      SELECT * FROM (SELECT $1 AS id, ${NOW} + $2 AS expires, $3 AS server) announcing
      ON DUPLICATE KEY UPDATE expires = announcing.expires, server = announcing.server`,
  ],
  withdraw: "DELETE a FROM chat_announcement a WHERE a.id = $1",
  list: `SELECT a.server AS "server" FROM chat_announcement a WHERE a.expires > ${NOW}`,
};

/** Settings of {@link mysqlDiscovery}. */
export interface MysqlDiscoveryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `mysql()`. */
  readonly migrate?: boolean;
}

/**
 * The discovery beside the store in MySQL or MariaDB, leased by its own clock.
 * @param pool the pool that `mysql()` has, or another one of the same database
 */
export function mysqlDiscovery(pool: MysqlPool, options: MysqlDiscoveryOptions = {}): Discovery {
  const { runtime = systemRuntime(), migrate = true } = options;
  // Nothing here has to survive a crash.
  const engine = new MysqlEngine(pool, { allowVolatile: true, migrate });
  return new SqlDiscovery(engine, QUERIES, runtime);
}
