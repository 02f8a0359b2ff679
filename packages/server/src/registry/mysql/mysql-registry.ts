import { type Runtime, systemRuntime } from "@chat/protocol";
import { MysqlEngine } from "../../store/mysql/mysql-engine.js";
import type { MysqlPool } from "../../store/mysql/mysql-pool.js";
import { type MysqlText, NOW } from "../../store/mysql/mysql-queries.js";
import type { Registry } from "../registry.js";
import { type RegistryQuery, SMALL_CONVERSATION, SqlRegistry } from "../sql/sql-registry.js";

const LIVE = `s.id = $1 AND s.incarnation = $2 AND s.expires > ${NOW}`;
const LIVE_ID = `SELECT CONVERT(s.id USING utf8mb4) AS "id" FROM chat_server s WHERE ${LIVE}`;
const DEAD = `s.expires < ${NOW} - $3 AND s.id <> $1`;

/** The statements, by what they answer. The tests look at their plans. */
export const MYSQL_REGISTRY_QUERIES: Readonly<Record<RegistryQuery, MysqlText>> = {
  // What was left by those that died goes with whoever joins next.
  join: [
    `DELETE e FROM chat_server s STRAIGHT_JOIN chat_session e ON e.server = s.id WHERE ${DEAD}`,
    `DELETE s FROM chat_server s WHERE ${DEAD}`,
    `DELETE e FROM chat_session e WHERE e.server = $1 AND NOT EXISTS (SELECT 1 FROM chat_server s WHERE ${LIVE})`,
    `INSERT INTO chat_server (id, incarnation, lease, expires)
      SELECT * FROM (SELECT $1 AS id, $2 AS incarnation, $3 + 0 AS lease, ${NOW} + $3 AS expires) joining
      ON DUPLICATE KEY UPDATE incarnation = joining.incarnation, lease = joining.lease, expires = joining.expires`,
  ],
  renew: [`UPDATE chat_server s SET s.expires = ${NOW} + s.lease WHERE ${LIVE}`, LIVE_ID],
  leave: [
    `DELETE e FROM chat_server s STRAIGHT_JOIN chat_session e ON e.server = s.id
      WHERE s.id = $1 AND s.incarnation = $2`,
    "DELETE s FROM chat_server s WHERE s.id = $1 AND s.incarnation = $2",
  ],
  register: [
    `INSERT INTO chat_session (server, incarnation, user_id, device, connection)
      SELECT * FROM (
        SELECT s.id AS server, s.incarnation, $3 AS user_id, $4 AS device, $5 AS connection FROM chat_server s WHERE ${LIVE}
      ) registering
      ON DUPLICATE KEY UPDATE incarnation = registering.incarnation`,
    LIVE_ID,
  ],
  unregister: "DELETE e FROM chat_session e WHERE e.server = $1 AND e.user_id = $2 AND e.connection = $3",
  servers: `SELECT CONVERT(s.id USING utf8mb4) AS "id" FROM chat_server s WHERE s.expires > ${NOW}`,
  // Sessions of an earlier incarnation count for nobody. Per server it stops at the first member who is there.
  serversOf: `SELECT CONVERT(s.id USING utf8mb4) AS "id" FROM chat_conversation c STRAIGHT_JOIN chat_server s
    WHERE c.id = $1 AND s.expires > ${NOW} AND CASE
      WHEN c.member_count > ${SMALL_CONVERSATION} THEN (
        SELECT e.server FROM chat_session e WHERE e.server = s.id AND e.incarnation = s.incarnation
        ORDER BY e.server, e.user_id LIMIT 1
      ) IS NOT NULL
      ELSE (
        SELECT e.server FROM chat_participation p
        STRAIGHT_JOIN chat_session e ON e.server = s.id AND e.user_id = p.user_id
        WHERE p.conversation = c.pk AND p.left_at IS NULL AND e.incarnation = s.incarnation LIMIT 1
      ) IS NOT NULL
    END`,
};

/** Settings of {@link mysqlRegistry}. */
export interface MysqlRegistryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `mysql()`. */
  readonly migrate?: boolean;
}

/**
 * The registry beside the store in MySQL or MariaDB: a conversation's servers are found by one join of participations with sessions.
 * @param pool the pool that `mysql()` has, or another one of the same database
 */
export function mysqlRegistry(pool: MysqlPool, options: MysqlRegistryOptions = {}): Registry {
  const { runtime = systemRuntime(), migrate = true } = options;
  // What a crash loses here, the servers register again.
  const engine = new MysqlEngine(pool, { allowVolatile: true, migrate });
  return new SqlRegistry(engine, MYSQL_REGISTRY_QUERIES, runtime);
}
