import type { FollowingStore } from "../chat-store.js";
import { SqlChatStore } from "../sql/sql-chat-store.js";
import { MysqlEngine } from "./mysql-engine.js";
import type { MysqlPool } from "./mysql-pool.js";
import { writeMysqlOutbox } from "./write-outbox.js";

/** Settings of {@link mysql}. */
export interface MysqlOptions {
  /**
   * Takes a server whose settings say that it may lose what it has committed (`innodb_flush_log_at_trx_commit`, `sync_binlog` or
   * `innodb_doublewrite`): for tests, and for services that keep the promise in another way.
   */
  readonly allowVolatile?: boolean;
  /** False: `open` makes no tables, but refuses a schema that `migrateMysql` has not brought up to date. */
  readonly migrate?: boolean;
}

/**
 * The chat store in MySQL or MariaDB, on the application's own pool. All tables begin with `chat_` and lie in the pool's database.
 * docs/backends/mysql.md says what is done with them.
 * @param pool a `Pool` of `mysql2/promise`; stays open when the store is closed
 */
export function mysql(pool: MysqlPool, options: MysqlOptions = {}): FollowingStore {
  const { allowVolatile = false, migrate = true } = options;
  return new SqlChatStore(new MysqlEngine(pool, { allowVolatile, migrate }), writeMysqlOutbox);
}
