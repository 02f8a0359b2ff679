import type { PostgresPool } from "@chat/server/postgres";
import type { Pool } from "pg";

/** A pool that tells of each statement, by its text, before it is sent. */
export function countedPool(pool: Pool, count: (sql: string) => void): PostgresPool {
  return {
    on: (event, listener) => pool.on(event, listener),
    off: (event, listener) => pool.off(event, listener),
    async connect() {
      const client = await pool.connect();
      return {
        query(query) {
          count(typeof query === "string" ? query : query.text);
          return client.query(query as never);
        },
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
        release: (error) => client.release(error),
      };
    },
  };
}
