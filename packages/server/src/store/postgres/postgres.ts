import type { FollowingStore } from "../chat-store.js";
import { SqlChatStore } from "../sql/sql-chat-store.js";
import { PostgresEngine } from "./postgres-engine.js";
import type { PostgresPool } from "./postgres-pool.js";
import { writePostgresOutbox } from "./write-outbox.js";

/** Settings of {@link postgres}. */
export interface PostgresOptions {
  /**
   * Takes a server whose settings say that it may lose what it has committed (`fsync`, `full_page_writes` or
   * `synchronous_commit` off): for tests, and for services that keep the promise in another way.
   */
  readonly allowVolatile?: boolean;
  /** False: `open` makes no tables, but refuses a schema that `migratePostgres` has not brought up to date. */
  readonly migrate?: boolean;
  /** False: statements are not prepared by name; for poolers that can't carry that over. */
  readonly prepare?: boolean;
}

/**
 * The chat store in PostgreSQL, on the application's own pool. All tables begin with `chat_` and lie in the first schema of the
 * role's search_path. docs/backends/postgres.md says what is done with them.
 * @param pool a `Pool` of the package `pg`; stays open when the store is closed
 */
export function postgres(pool: PostgresPool, options: PostgresOptions = {}): FollowingStore {
  const { allowVolatile = false, migrate = true, prepare = true } = options;
  return new SqlChatStore(new PostgresEngine(pool, { allowVolatile, migrate, prepare }), writePostgresOutbox);
}
