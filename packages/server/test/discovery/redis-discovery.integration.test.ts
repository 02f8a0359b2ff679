import { newUuid, systemRuntime } from "@chat/protocol";
import { ioredis, nodeRedis, redisDiscovery } from "@chat/server/redis";
import { discoverySuite } from "@chat/server/testing";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import type { Discovery } from "../../src/index.js";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { untilAnswers } from "./until-answers.js";

const { random } = systemRuntime();

async function openNodeRedis(url: string) {
  const client = createClient({ url }).on("error", () => {});
  await client.connect();
  return { connection: nodeRedis(client), close: () => client.destroy() };
}

async function openIoredis(url: string) {
  const client = new Redis(url).on("error", () => {});
  return { connection: ioredis(client), close: () => client.disconnect() };
}

for (const [driver, open] of Object.entries({ redis: openNodeRedis, ioredis: openIoredis })) {
  describe.skipIf(!(await isUp("redis")))(`Redis discovery with ${driver}`, () => {
    discoverySuite({ describe, it }, driver, async () => {
      const prefix = `test-${newUuid(random)}`;
      const { connection, close } = await open(ENGINE_URLS.redis);
      return {
        discovery: () => redisDiscovery(connection, { prefix }),
        // Redis's clock can't be moved; what it is compared with can.
        async kill(_, serverIds) {
          for (const id of serverIds) {
            await connection.command(["ZADD", `{${prefix}}:discovery`, "1", id]);
          }
        },
        async dispose() {
          const keys = (await connection.command(["KEYS", `{${prefix}}:*`])) as string[];
          if (keys.length > 0) await connection.command(["DEL", ...keys]);
          close();
        },
      };
    });

    it("leaves nothing behind of a server that was killed", async () => {
      const prefix = `test-${newUuid(random)}`;
      const { connection, close } = await open(ENGINE_URLS.redis);
      const discovery = redisDiscovery(connection, { prefix });
      const dead = { serverId: "a", url: "ws://a", connections: 0, capacity: 1, draining: false };
      await discovery.announce(dead, 1);
      while ((await discovery.list()).length > 0);
      await discovery.announce({ ...dead, serverId: "b" }, 30_000);
      expect(await connection.command(["HKEYS", `{${prefix}}:discovered`])).toEqual(["b"]);
      await discovery.withdraw("b");
      expect(await connection.command(["KEYS", `{${prefix}}:*`])).toEqual([]);
      close();
    });
  });
}

const program = programOf("redis-server");
describe.skipIf(program === undefined)("Redis discovery, when Redis fails", () => {
  discoverySuite(
    { describe, it },
    "a Redis that is killed and comes back empty",
    async () => {
      const engine = await EngineProcess.create(({ port, folder }) =>
        run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
      );
      const { connection, close } = await openNodeRedis(`redis://127.0.0.1:${engine.port}`);
      const made: Discovery[] = [];
      return {
        discovery() {
          const discovery = redisDiscovery(connection);
          made.push(discovery);
          return discovery;
        },
        async kill(_, serverIds) {
          for (const id of serverIds) await connection.command(["ZADD", "{chat}:discovery", "1", id]);
        },
        outage: {
          begin: () => engine.kill(),
          async end() {
            await engine.start();
            await untilAnswers(made);
          },
        },
        async dispose() {
          close();
          await engine.dispose();
        },
      };
    },
    { outage: true },
  );
});
