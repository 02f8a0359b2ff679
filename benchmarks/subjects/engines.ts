import { connect } from "@nats-io/transport-node";
import type { ChatServerOptions } from "@chat/server";
import { natsFanout } from "@chat/server/nats";
import { postgres, postgresRegistry } from "@chat/server/postgres";
import { nodeRedis, redisFanout } from "@chat/server/redis";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { Pool } from "pg";
import { createClient } from "redis";

/** What servers stand on that are several; the addresses are those that the tests take. */
export type EnginesName = "postgres+redis" | "postgres+nats";

const URLS = {
  postgres: process.env["CHAT_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test",
  redis: process.env["CHAT_TEST_REDIS"] ?? "redis://127.0.0.1:6379",
  nats: process.env["CHAT_TEST_NATS"] ?? "nats://127.0.0.1:4222",
};

/** The backends of one server, and how to let go of them. */
export interface Engines {
  readonly options: Pick<ChatServerOptions, "store" | "registry" | "fanout">;
  close(): Promise<void> | void;
}

/** A database of its own for one run. */
export interface RunDatabase {
  /** What its servers are told, by their environment. */
  readonly environment: Readonly<Record<string, string>>;
  drop(): Promise<void>;
}

async function command(sql: string): Promise<void> {
  const pool = new Pool({ connectionString: URLS.postgres, max: 1 });
  await pool.query(sql);
  await pool.end();
}

/** Creates an empty database for servers on these engines. */
export async function createRunDatabase(engines: EnginesName): Promise<RunDatabase> {
  const name = `chat_bench_${process.pid}_${Date.now().toString(36)}`;
  await command(`CREATE DATABASE ${name}`);
  return {
    environment: { CHAT_BENCH_ENGINES: engines, CHAT_BENCH_DATABASE: name },
    drop: () => command(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Opens what the environment names: SQLite on the run's own file, or the engines of {@link createRunDatabase}. */
export async function openEngines(file: string, counts: () => void): Promise<Engines> {
  const engines = process.env["CHAT_BENCH_ENGINES"] as EnginesName | undefined;
  if (engines === undefined) {
    const counted = process.env["CHAT_BENCH_STATEMENTS"] !== undefined;
    const database = new Database(file, counted ? { verbose: counts } : {});
    return { options: { store: sqlite(database) }, close: () => void database.close() };
  }
  const name = process.env["CHAT_BENCH_DATABASE"]!;
  const url = new URL(URLS.postgres);
  url.pathname = name;
  const pool = new Pool({ connectionString: url.href });
  const stored = { store: postgres(pool), registry: postgresRegistry(pool) };
  if (engines === "postgres+nats") {
    const connection = await connect({ servers: URLS.nats });
    return {
      options: { ...stored, fanout: natsFanout(connection, { prefix: name }) },
      async close() {
        await connection.close();
        await pool.end();
      },
    };
  }
  const client = await createClient({ url: URLS.redis }).connect();
  return {
    options: { ...stored, fanout: redisFanout(nodeRedis(client), { prefix: name }) },
    async close() {
      client.destroy();
      await pool.end();
    },
  };
}
