import type { FollowingStore } from "@chat/server";
import { postgres, postgresRegistry } from "@chat/server/postgres";
import { Pool } from "pg";
import { hasPostgres, PostgresServer } from "../../../packages/server/test/engines/start-postgres.js";
import type { Database } from "./database.js";

/** Conversations and registry in PostgreSQL. */
export const postgresDatabase: Database<FollowingStore> = {
  canStart: async () => hasPostgres,

  async start() {
    const server = await PostgresServer.create();
    return {
      ports: [Number(new URL(server.url).port)],
      crash: () => server.crash(),
      start: () => server.start(),
      keep: () => server.keep(),
      goBack: () => server.goBack(),
      dispose: () => server.dispose(),
    };
  },

  open([port]) {
    const pool = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` });
    return { store: postgres(pool), registry: postgresRegistry(pool), close: () => pool.end() };
  },
};
