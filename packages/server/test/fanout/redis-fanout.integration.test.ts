import { newUuid, systemRuntime } from "@chat/protocol";
import { ioredis, nodeRedis, type RedisConnection, redisFanout } from "@chat/server/redis";
import { fanoutSuite } from "@chat/server/testing";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { createClient } from "redis";
import { createClient as createClient5 } from "redis-5";
import { describe, it } from "vitest";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { brokerFaultCases } from "./broker-fault-cases.js";

const runtime = systemRuntime();

/** A client and how to let go of it. */
interface Client {
  readonly connection: RedisConnection;
  close(): unknown;
}

const DRIVERS: Record<string, (url: string) => Promise<Client>> = {
  "redis 6": async (url) => {
    const client = createClient({ url }).on("error", () => {});
    await client.connect();
    return { connection: nodeRedis(client), close: () => client.destroy() };
  },
  "redis 5": async (url) => {
    const client = createClient5({ url, disableOfflineQueue: true }).on("error", () => {});
    await client.connect();
    return { connection: nodeRedis(client), close: () => client.destroy() };
  },
  "ioredis 6": async (url) => {
    const client = new Redis(url).on("error", () => {});
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
  "ioredis 5": async (url) => {
    const client = new Redis5(url).on("error", () => {});
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
};

for (const [driver, connect] of Object.entries(DRIVERS)) {
  describe.skipIf(!(await isUp("redis")))(`Redis fan-out with ${driver}`, () => {
    fanoutSuite({ describe, it }, driver, () => {
      const prefix = `test-${newUuid(runtime.random)}`;
      const clients: Client[] = [];
      return {
        async fanout() {
          const client = await connect(ENGINE_URLS.redis);
          clients.push(client);
          return redisFanout(client.connection, { prefix });
        },
        dispose: () => clients.forEach((client) => client.close()),
      };
    });
  });

  const program = programOf("redis-server");
  describe.skipIf(program === undefined)(`Redis fan-out with ${driver}, when Redis fails`, () => {
    brokerFaultCases(async () => {
      const engine = await EngineProcess.create(({ port, folder }) =>
        run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
      );
      const clients: Client[] = [];
      return {
        engine,
        async fanout(log) {
          const client = await connect(`redis://127.0.0.1:${engine.port}`);
          clients.push(client);
          return redisFanout(client.connection, { runtime: { ...runtime, log } });
        },
        async dispose() {
          for (const client of clients) await client.close();
          await engine.dispose();
        },
      };
    });
  });
}
