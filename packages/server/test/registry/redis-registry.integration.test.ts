import { newUuid, systemRuntime } from "@chat/protocol";
import { ioredis, nodeRedis, redisRegistry } from "@chat/server/redis";
import { registrySuite } from "@chat/server/testing";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { describe, expect, it, onTestFinished } from "vitest";
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

/** Who is a member of what, as a store would say: two conversations to a page. */
class Memberships {
  readonly #of = new Map<string, string[]>();

  add(conversationId: string, userIds: readonly string[]): void {
    for (const userId of userIds) {
      const known = this.#of.get(userId) ?? [];
      if (!known.includes(conversationId)) this.#of.set(userId, [...known, conversationId]);
    }
  }

  memberOf(userId: string, { page = "0" }: { readonly page?: string }) {
    const all = this.#of.get(userId) ?? [];
    const from = Number(page);
    const items = all
      .slice(from, from + 2)
      .map((conversationId) => ({ conversationId, head: 1, fingerprint: 1, from: 1 }));
    return Promise.resolve({ items, ...(from + 2 < all.length && { next: String(from + 2) }) });
  }
}

for (const [driver, open] of Object.entries({ redis: openNodeRedis, ioredis: openIoredis })) {
  describe.skipIf(!(await isUp("redis")))(`Redis registry with ${driver}`, () => {
    registrySuite({ describe, it }, `${driver}, with the servers of each conversation`, async () => {
      const prefix = `test-${newUuid(random)}`;
      const { connection, close } = await open(ENGINE_URLS.redis);
      const memberships = new Memberships();
      // So that there is more than a page.
      for (const id of ["d", "e", "f"]) memberships.add(id, ["ana", "bo"]);
      const registry = () => redisRegistry(connection, { prefix, conversations: memberships });
      const leases = `{${prefix}}:leases`;
      return {
        registry,
        // As a server does that stores it.
        async setMembers(conversationId, userIds) {
          memberships.add(conversationId, userIds);
          await registry().joined!(conversationId, userIds);
        },
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

describe.skipIf(!(await isUp("redis")))("Redis registry with the servers of each conversation", () => {
  async function open(memberships: Memberships) {
    const prefix = `test-${newUuid(random)}`;
    const { connection, close } = await openNodeRedis(ENGINE_URLS.redis);
    onTestFinished(async () => {
      const keys = (await connection.command(["KEYS", `{${prefix}}:*`])) as string[];
      if (keys.length > 0) await connection.command(["DEL", ...keys]);
      close();
    });
    const fieldsOf = (id: string) => connection.command(["HKEYS", `{${prefix}}:conversation:${id}`]);
    return { registry: redisRegistry(connection, { prefix, conversations: memberships }), fieldsOf };
  }
  const server = (serverId: string) => ({ serverId, incarnation: newUuid(random) });
  const session = (userId: string) => ({
    userId,
    deviceId: newUuid(random),
    connectionId: newUuid(random),
  });
  const sorted = async (servers: Promise<readonly string[]>) => [...(await servers)].sort();

  it("names the servers with members alone, as long as one of them is there", async () => {
    const memberships = new Memberships();
    memberships.add("c", ["ana", "bo"]);
    const { registry, fieldsOf } = await open(memberships);
    const [a, b, other] = [server("us-east/a"), server("b"), server("other")];
    for (const each of [a, b, other]) await registry.join(each, 30_000);
    const [ana, anaAgain, bo, stranger] = ["ana", "ana", "bo", "stranger"].map(session);
    await registry.register(a, ana!);
    await registry.register(a, anaAgain!);
    await registry.register(a, bo!);
    await registry.register(b, bo!);
    await registry.register(other, stranger!);
    expect(await sorted(registry.serversOf("c"))).toEqual(["b", "us-east/a"]);
    expect(await registry.serversOf("nowhere")).toEqual([]);
    await registry.unregister(a, ana!);
    await registry.unregister(a, bo!);
    expect(await sorted(registry.serversOf("c"))).toEqual(["b", "us-east/a"]);
    await registry.unregister(a, anaAgain!);
    expect(await registry.serversOf("c")).toEqual(["b"]);
    await registry.unregister(b, bo!);
    expect(await fieldsOf("c")).toEqual([]);
  });

  it("takes a new member in wherever they are connected, once", async () => {
    const { registry, fieldsOf } = await open(new Memberships());
    const [a, b] = [server("a"), server("b")];
    for (const each of [a, b]) await registry.join(each, 30_000);
    const [here, there] = [session("ana"), session("ana")];
    await registry.register(a, here);
    await registry.register(b, there);
    await Promise.all([registry.joined!("c", ["ana", "nobody"]), registry.joined!("c", ["ana"])]);
    expect(await sorted(registry.serversOf("c"))).toEqual(["a", "b"]);
    await registry.unregister(a, here);
    await registry.unregister(b, there);
    expect(await fieldsOf("c")).toEqual([]);
  });

  it("drops what a killed server left in a conversation with the first look", async () => {
    const memberships = new Memberships();
    memberships.add("c", ["ana"]);
    const { registry, fieldsOf } = await open(memberships);
    const [killed, next] = [server("a"), server("a")];
    await registry.join(killed, 30_000);
    await registry.register(killed, session("ana"));
    await registry.join(next, 30_000);
    expect(await registry.serversOf("c")).toEqual([]);
    expect(await fieldsOf("c")).toEqual([]);
    await registry.register(next, session("ana"));
    expect(await registry.serversOf("c")).toEqual(["a"]);
  });
});

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
