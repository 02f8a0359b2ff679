import { LIMITS, systemRuntime } from "@chat/protocol";
import { postgres, postgresRegistry } from "@chat/server/postgres";
import { nodeRedis, redisFanout } from "@chat/server/redis";
import { Pool } from "pg";
import { createClient } from "redis";
import { EngineProcess, programOf, run } from "../../../packages/server/test/engines/engine-process.js";
import { hasPostgres, PostgresServer } from "../../../packages/server/test/engines/start-postgres.js";
import type { Backend, Engine } from "./backend.js";

const redisServer = programOf("redis-server");

/** False where one of the two can't be started. */
export const hasPostgresAndRedis = hasPostgres && redisServer !== undefined;

/** Where a server's process finds both. */
interface Place {
  readonly database: string;
  readonly broker: string;
}

async function headsOf(url: string, conversationIds: readonly string[]): Promise<Record<string, number>> {
  const pool = new Pool({ connectionString: url });
  const store = postgres(pool);
  await store.open({ runtime: systemRuntime(), groupMembers: LIMITS.groupMembers });
  const heads = await store.messages.heads(conversationIds);
  await store.close();
  await pool.end();
  return Object.fromEntries(conversationIds.map((id) => [id, heads.get(id)?.head ?? 0]));
}

/** Conversations and registry in PostgreSQL, Redis between the servers; both started for the round, and crashed in it. */
export const postgresBackend: Backend = {
  name: "postgres",

  async prepare(): Promise<Engine> {
    const database = await PostgresServer.create();
    const broker = await EngineProcess.create(({ port, folder }) =>
      run(redisServer!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
    );
    const place: Place = { database: database.url, broker: `redis://127.0.0.1:${broker.port}` };
    let hasBackup = false;
    return {
      place: JSON.stringify(place),
      async takeBackup() {
        await database.crash();
        database.keep();
        hasBackup = true;
        await database.start();
      },
      async restoreBackup(conversationIds) {
        if (!hasBackup) throw new Error("There is no backup.");
        const before = await headsOf(database.url, conversationIds);
        await database.crash();
        database.goBack();
        await database.start();
        const heads = await headsOf(database.url, conversationIds);
        const lost = conversationIds.reduce((sum, id) => sum + before[id]! - heads[id]!, 0);
        return { heads, lost };
      },
      async crashDatabase() {
        await database.crash();
        await database.start();
      },
      async crashBroker() {
        await broker.kill();
        await broker.start();
      },
      async close() {
        await database.dispose();
        await broker.dispose();
      },
    };
  },

  open(text) {
    const place = JSON.parse(text) as Place;
    const pool = new Pool({ connectionString: place.database });
    const client = createClient({ url: place.broker, disableOfflineQueue: true }).on("error", () => {});
    void client.connect().catch(() => {});
    return {
      store: postgres(pool),
      registry: postgresRegistry(pool),
      fanout: redisFanout(nodeRedis(client)),
      fill() {},
      async close() {
        client.destroy();
        await pool.end();
      },
    };
  },
};
