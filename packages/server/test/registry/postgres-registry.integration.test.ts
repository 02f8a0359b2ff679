import { postgresRegistry } from "@chat/server/postgres";
import { describe } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { openPostgres } from "../store/postgres-drafts.js";
import { PostgresSchema } from "../store/postgres-schema.js";
import { sqlRegistrySuite } from "./sql-registry-suite.js";

describe.skipIf(!(await isUp("postgres")))("PostgreSQL registry", () => {
  sqlRegistrySuite("PostgreSQL", async () => {
    const schema = await PostgresSchema.create();
    const pool = schema.pool();
    return {
      store: () => openPostgres(pool),
      registry: () => postgresRegistry(schema.pool()),
      async run(sql) {
        const { rows } = await pool.query<Record<string, unknown>>(sql);
        return rows.map((row) => String(Object.values(row)[0]));
      },
      dispose: () => schema.dispose(),
    };
  });
});
