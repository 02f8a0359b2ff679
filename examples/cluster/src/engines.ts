import { postgres, postgresDiscovery, postgresRegistry } from "@chat/server/postgres";
import { natsFanout } from "@chat/server/nats";
import { nodeRedis, redisFanout } from "@chat/server/redis";
import type { ChatServerOptions } from "@chat/server";
import { connect as connectNats } from "@nats-io/transport-node";
import { Client, Pool } from "pg";
import { createClient } from "redis";

/** What the servers share, and what has to be closed again. */
interface Engines extends Required<Pick<ChatServerOptions, "store" | "registry" | "discovery" | "fanout">> {
  close(): Promise<void>;
}

const {
  CHAT_POSTGRES = "postgres://postgres@127.0.0.1:5432/chat_cluster",
  CHAT_FANOUT = "redis",
  CHAT_REDIS = "redis://127.0.0.1:6379",
  CHAT_NATS = "nats://127.0.0.1:4222",
} = process.env;

/**
 * PostgreSQL for everything that lasts, for who is connected where and for which servers there are; Redis or NATS, as `CHAT_FANOUT` says, for
 * how the servers tell each other.
 */
export async function openEngines(): Promise<Engines> {
  const pool = new Pool({ connectionString: CHAT_POSTGRES });
  const { fanout, close } = await openFanout();
  return {
    store: postgres(pool),
    registry: postgresRegistry(pool),
    discovery: postgresDiscovery(pool),
    fanout,
    async close() {
      await close();
      await pool.end();
    },
  };
}

/** The discovery alone, for the proxy. */
export function openDiscovery() {
  const pool = new Pool({ connectionString: CHAT_POSTGRES });
  pool.on("error", () => {}); // it connects anew with the next query
  return { discovery: postgresDiscovery(pool), close: () => pool.end() };
}

async function openFanout() {
  // Several chats may share a broker.
  const prefix = `chat-${new URL(CHAT_POSTGRES).pathname.slice(1)}`;
  if (CHAT_FANOUT === "nats") {
    const client = await connectNats({ servers: CHAT_NATS, maxReconnectAttempts: -1 });
    return { fanout: natsFanout(client, { prefix }), close: () => client.close() };
  }
  const client = createClient({ url: CHAT_REDIS, disableOfflineQueue: true });
  client.on("error", () => {}); // the chat server logs what it means: fanout_failed
  await client.connect();
  return { fanout: redisFanout(nodeRedis(client), { prefix }), close: async () => client.destroy() };
}

/**
 * Looks whether both engines are there, and makes the database if it is missing.
 * @throws Error with a sentence for the console
 */
export async function checkEngines(): Promise<void> {
  if (!["redis", "nats"].includes(CHAT_FANOUT)) {
    throw new Error(`CHAT_FANOUT must be redis or nats, and is "${CHAT_FANOUT}".`);
  }
  await attempt("PostgreSQL", CHAT_POSTGRES, "CHAT_POSTGRES", createDatabase);
  await attempt(
    CHAT_FANOUT === "nats" ? "NATS" : "Redis",
    CHAT_FANOUT === "nats" ? CHAT_NATS : CHAT_REDIS,
    CHAT_FANOUT === "nats" ? "CHAT_NATS" : "CHAT_REDIS",
    checkFanout,
  );
}

async function attempt(
  name: string,
  url: string,
  variable: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    const where = url.replace(/\/\/[^@/]*@/, "//");
    throw new Error(
      `${name} is not to be had at ${where} (${reason}). Start it there, or set ${variable}; or use Docker: see README.md.`,
      { cause },
    );
  }
}

async function createDatabase(): Promise<void> {
  const url = new URL(CHAT_POSTGRES);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = "/postgres";
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE "${name.replaceAll('"', '""')}"`);
  } finally {
    await client.end();
  }
}

async function checkFanout(): Promise<void> {
  if (CHAT_FANOUT === "nats") {
    await (await connectNats({ servers: CHAT_NATS, timeout: 2_000 })).close();
    return;
  }
  const client = createClient({ url: CHAT_REDIS, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  client.destroy();
}
