import type { MysqlConnection, MysqlPool } from "@chat/server/mysql";
import type { Pool } from "mysql2/promise";

/** What is called before a statement is sent, with the connection that it is sent on. */
type Before = (sql: string, connection: MysqlConnection & { readonly threadId: number }) => unknown;

/** A pool whose connections call back before they send anything. */
export function watchedMysql(pool: Pool, before: Before): MysqlPool {
  return {
    async getConnection() {
      const connection = await pool.getConnection();
      const query = connection.query.bind(connection);
      const execute = connection.execute.bind(connection);
      return Object.assign(connection, {
        query: async (options: { sql: string }) => {
          await before(options.sql, connection);
          return query(options);
        },
        execute: async (options: { sql: string }) => {
          await before(options.sql, connection);
          return execute(options);
        },
      });
    },
  };
}
