import { mysql } from "@chat/server/mysql";
import type { RowDataPacket } from "mysql2/promise";
import { describe } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "../store/mysql-database.js";
import { outboxSuite } from "./outbox-suite.js";

describe.skipIf(!(await isUp("mysql")))("Sending with rows of one's own, on MySQL", () => {
  outboxSuite(async () => {
    const database = await MysqlDatabase.create();
    const pool = database.pool();
    await pool.query("CREATE TABLE orders (id VARCHAR(20))");
    const column = async (sql: string): Promise<string[]> =>
      (await pool.query<RowDataPacket[]>(sql))[0].map((row) => row["value"] as string);
    return {
      store: () => mysql(database.pool()),
      async begin() {
        const connection = await pool.getConnection();
        await connection.beginTransaction();
        const end = async (how: string): Promise<void> => {
          await connection.query(how);
          connection.release();
        };
        return {
          handle: connection,
          insert: async (order) => void (await connection.query("INSERT INTO orders VALUES (?)", [order])),
          commit: () => end("COMMIT"),
          rollback: () => end("ROLLBACK"),
        };
      },
      orders: () => column("SELECT id AS value FROM orders"),
      refusals: () => column("SELECT refusal AS value FROM chat_outbox WHERE refusal IS NOT NULL"),
      dispose: () => database.dispose(),
    };
  });
});
