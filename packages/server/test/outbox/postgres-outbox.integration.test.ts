import { postgres } from "@chat/server/postgres";
import { describe } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { PostgresSchema } from "../store/postgres-schema.js";
import { outboxSuite } from "./outbox-suite.js";

describe.skipIf(!(await isUp("postgres")))("Sending with rows of one's own, on PostgreSQL", () => {
  outboxSuite(async () => {
    const schema = await PostgresSchema.create();
    const pool = schema.pool();
    await pool.query("CREATE TABLE orders (id text)");
    const column = async (sql: string): Promise<string[]> =>
      (await pool.query<{ value: string }>(sql)).rows.map(({ value }) => value);
    return {
      store: () => postgres(schema.pool()),
      async begin() {
        const client = await pool.connect();
        await client.query("BEGIN");
        const end = async (how: string): Promise<void> => {
          await client.query(how);
          client.release();
        };
        return {
          handle: client,
          insert: async (order) => void (await client.query("INSERT INTO orders VALUES ($1)", [order])),
          commit: () => end("COMMIT"),
          rollback: () => end("ROLLBACK"),
        };
      },
      orders: () => column("SELECT id AS value FROM orders"),
      refusals: () => column("SELECT refusal AS value FROM chat_outbox WHERE refusal IS NOT NULL"),
      dispose: () => schema.dispose(),
    };
  });
});
