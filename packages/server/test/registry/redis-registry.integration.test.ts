import { newUuid, systemRuntime } from "@chat/protocol";
import { ioredis, nodeRedis, redisRegistry } from "@chat/server/redis";
import { registrySuite } from "@chat/server/testing";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it } from "vitest";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";

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
  describe.skipIf(!(await isUp("redis")))(`Redis registry with ${driver}`, () => {
    registrySuite({ describe, it }, driver, async () => {
      const prefix = `test-${newUuid(random)}`;
      const { connection, close } = await open(ENGINE_URLS.redis);
      const leases = `{${prefix}}:leases`;
      return {
        registry: () => redisRegistry(connection, { prefix }),
        setMembers: () => Promise.resolve(),
        // Redis's clock can't be moved; what it is compared with can.
        async advance(duration) {
          const servers = (await connection.command(["ZRANGE", leases, "0", "-1"])) as string[];
          for (const server of servers)
            await connection.command(["ZINCRBY", leases, String(-duration), server]);
        },
        async dispose() {
          const keys = (await connection.command(["KEYS", `{${prefix}}:*`])) as string[];
          if (keys.length > 0) await connection.command(["DEL", ...keys]);
          close();
        },
      };
    });
  });
}

describe.skipIf(!(await isUp("redis")))("Redis registry", () => {
  it("leaves nothing behind of a server that died", async () => {
    const prefix = `test-${newUuid(random)}`;
    const { connection, close } = await openNodeRedis(ENGINE_URLS.redis);
    const registry = redisRegistry(connection, { prefix });
    const dead = { serverId: "a", incarnation: newUuid(random) };
    await registry.join(dead, 20);
    await registry.register(dead, {
      userId: "ana",
      deviceId: newUuid(random),
      connectionId: newUuid(random),
    });
    const perServer = async (): Promise<number> =>
      Number(await connection.command(["EXISTS", `{${prefix}}:server:a`, `{${prefix}}:sessions:a`]));
    expect(await perServer()).toBe(2);
    while ((await perServer()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const other = { serverId: "b", incarnation: newUuid(random) };
    await registry.join(other, 20);
    expect(await connection.command(["ZRANGE", `{${prefix}}:leases`, "0", "-1"])).toEqual(["b"]);
    expect(await connection.command(["SMEMBERS", `{${prefix}}:holding`])).toEqual([]);
    await registry.leave(other);
    close();
  });
});

const program = programOf("redis-server");
describe.skipIf(program === undefined)("Redis registry, when Redis fails", () => {
  it("refuses while Redis is away, and asks for a new join when it comes back empty", async () => {
    const engine = await EngineProcess.create(({ port, folder }) =>
      run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
    );
    const { connection, close } = await openNodeRedis(`redis://127.0.0.1:${engine.port}`);
    const registry = redisRegistry(connection);
    const server = { serverId: "a", incarnation: newUuid(random) };
    await registry.join(server, 30_000);
    expect(await registry.renew(server)).toBe(true);
    await engine.kill();
    await expect(registry.renew(server)).rejects.toMatchObject({ code: "store_unavailable" });
    await engine.start();
    let renewed: boolean | undefined;
    while (renewed === undefined) {
      renewed = await registry.renew(server).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(renewed).toBe(false);
    await registry.join(server, 30_000);
    expect(await registry.renew(server)).toBe(true);
    close();
    await engine.dispose();
  });
});
