import { connect } from "@nats-io/transport-node";
import type { ChatServerOptions, Fanout } from "@chat/server";
import { natsFanout } from "@chat/server/nats";
import { postgres, postgresRegistry } from "@chat/server/postgres";
import { nodeRedis, redisFanout } from "@chat/server/redis";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { Pool } from "pg";
import { createClient } from "redis";
import { countedPool } from "./counted-pool.js";

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

/** What a server has done so far; counted where CHAT_BENCH_STATEMENTS is set. */
export interface Counted {
  statements: number;
  /** Of them, those that write. */
  writes: number;
  /** Envelopes to other servers. */
  publishes: number;
}

function count(counted: Counted, sql: string): void {
  counted.statements++;
  if (/\b(?:INSERT|UPDATE|DELETE)\b/.test(sql)) counted.writes++;
}

function countedFanout(fanout: Fanout, counted: Counted): Fanout {
  return {
    publish(serverIds, envelope) {
      counted.publishes += serverIds.length;
      fanout.publish(serverIds, envelope);
    },
    subscribe: (serverId, handler) => fanout.subscribe(serverId, handler),
    close: () => fanout.close(),
  };
}

/** Opens what the environment names: SQLite on the run's own file, or the engines of {@link createRunDatabase}. */
export async function openEngines(file: string, counted: Counted): Promise<Engines> {
  const engines = process.env["CHAT_BENCH_ENGINES"] as EnginesName | undefined;
  const counts = process.env["CHAT_BENCH_STATEMENTS"] !== undefined;
  if (engines === undefined) {
    const verbose = (sql: unknown): void => count(counted, String(sql));
    const database = new Database(file, counts ? { verbose } : {});
    return { options: { store: sqlite(database) }, close: () => void database.close() };
  }
  const name = process.env["CHAT_BENCH_DATABASE"]!;
  const url = new URL(URLS.postgres);
  url.pathname = name;
  const pool = new Pool({ connectionString: url.href });
  const connections = counts ? countedPool(pool, (sql) => count(counted, sql)) : pool;
  const stored = { store: postgres(connections), registry: postgresRegistry(connections) };
  const of = (fanout: Fanout): Fanout => (counts ? countedFanout(fanout, counted) : fanout);
  if (engines === "postgres+nats") {
    const connection = await connect({ servers: URLS.nats });
    return {
      options: { ...stored, fanout: of(natsFanout(connection, { prefix: name })) },
      async close() {
        await connection.close();
        await pool.end();
      },
    };
  }
  const client = await createClient({ url: URLS.redis }).connect();
  return {
    options: { ...stored, fanout: of(redisFanout(nodeRedis(client), { prefix: name })) },
    async close() {
      client.destroy();
      await pool.end();
    },
  };
}
