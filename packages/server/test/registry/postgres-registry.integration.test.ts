import { postgresRegistry } from "@chat/server/postgres";
import { newUuid, systemRuntime } from "@chat/protocol";
import { describe, expect, it } from "vitest";
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

  it("outlives the connections of a pool of its own", async () => {
    const schema = await PostgresSchema.create();
    const pool = schema.pool();
    const registry = postgresRegistry(pool);
    const server = { serverId: "one", incarnation: newUuid(systemRuntime().random) };
    await registry.join(server, 60_000);
    const { rows } = await pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const lost = new Promise((resolve) => pool.once("remove", resolve));
    // Were nobody listening to the pool, this would end the process.
    await schema.pool().query("SELECT pg_terminate_backend($1)", [rows[0]!.pid]);
    await lost;
    expect(await registry.renew(server)).toBe(true);
    await schema.dispose();
  });
});
