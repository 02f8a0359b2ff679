import type { FollowingStore } from "@chat/server";
import { postgres, postgresRegistry } from "@chat/server/postgres";
import { Pool } from "pg";
import { hasPostgres, PostgresServer } from "../../../packages/server/test/engines/start-postgres.js";
import type { Database } from "./database.js";
import { databaseOf } from "./database-of.js";

/** Conversations and registry in PostgreSQL. */
export const postgresDatabase: Database<FollowingStore> = {
  canStart: async () => hasPostgres,

  start: async () => databaseOf(await PostgresServer.create()),

  open([port]) {
    const pool = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` });
    return { store: postgres(pool), registry: postgresRegistry(pool), close: () => pool.end() };
  },
};
