import assert from "node:assert/strict";
import type { Registry, ServerIdentity, SessionRecord } from "../registry/registry.js";
import { assertRefused, numbers, uuid } from "./store-world.js";
import { CASE_TIMEOUT, type SuiteApi } from "./suite-api.js";

/** One registry of its own for one case, empty at first. */
export interface RegistryEngine {
  /** Another way into the same registry, as another server process would have it. */
  registry(): Registry | Promise<Registry>;
  /** Makes users the members of a conversation, where the registry knows memberships. */
  setMembers(conversationId: string, userIds: readonly string[]): Promise<void>;
  /** Lets so many ms pass for the leases. */
  advance(duration: number): void | Promise<void>;
  /** Removes the registry. */
  dispose(): void | Promise<void>;
}

const LEASE = 30_000;

function server(serverId: string): ServerIdentity {
  return { serverId, incarnation: uuid() };
}

function session(userId: string): SessionRecord {
  return { userId, deviceId: uuid(), connectionId: uuid() };
}

/**
 * Proves that a registry keeps the contract {@link Registry}.
 * @param name of the registry, for the report
 * @param create makes a registry that holds nothing yet; called once for each case
 */
export function registrySuite(
  api: SuiteApi,
  name: string,
  create: () => RegistryEngine | Promise<RegistryEngine>,
): void {
  const prove = (
    sentence: string,
    body: (one: Registry, two: Registry, engine: RegistryEngine) => Promise<void>,
  ): void => {
    api.it(
      sentence,
      async () => {
        const engine = await create();
        try {
          await engine.setMembers("c", ["ana", "bo"]);
          await body(await engine.registry(), await engine.registry(), engine);
        } finally {
          await engine.dispose();
        }
      },
      CASE_TIMEOUT,
    );
  };
  const serversOf = async (registry: Registry): Promise<string[]> =>
    [...(await registry.serversOf("c"))].sort();

  api.describe(`Registry contract: ${name}`, () => {
    prove(
      "names the servers that hold sessions of a conversation's members, to every server",
      async (one, two) => {
        const [a, b] = [server("a"), server("b")];
        await one.join(a, LEASE);
        await two.join(b, LEASE);
        assert.deepEqual(await serversOf(one), []);
        await one.register(a, session("ana"));
        assert.deepEqual(await serversOf(two), ["a"]);
        await two.register(b, session("bo"));
        await two.register(b, session("ana"));
        for (const registry of [one, two]) assert.deepEqual(await serversOf(registry), ["a", "b"]);
      },
    );

    prove("records a session once, however often it is registered", async (one) => {
      const a = server("a");
      await one.join(a, LEASE);
      const ana = session("ana");
      await Promise.all([one.register(a, ana), one.register(a, ana)]);
      await one.register(a, ana);
      assert.deepEqual(await serversOf(one), ["a"]);
      await one.unregister(a, ana);
      assert.deepEqual(await serversOf(one), []);
    });

    prove("removes the record of this very connection only", async (one) => {
      const a = server("a");
      await one.join(a, LEASE);
      const old = session("ana");
      const newer = { ...old, connectionId: uuid() };
      await one.register(a, old);
      await one.register(a, newer);
      await one.unregister(a, old);
      await one.unregister(a, old);
      assert.deepEqual(await serversOf(one), ["a"], "a late close does not erase the newer connection");
      await one.unregister(a, session("ana"));
      assert.deepEqual(await serversOf(one), ["a"]);
      await one.unregister(a, newer);
      assert.deepEqual(await serversOf(one), []);
    });

    prove("keeps what other servers hold of the same user and device", async (one, two) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await two.join(b, LEASE);
      const there = session("ana");
      const moved = { ...there, connectionId: uuid() };
      await one.register(a, there);
      await two.register(b, moved);
      assert.deepEqual(await serversOf(one), ["a", "b"]);
      await one.unregister(a, there);
      assert.deepEqual(await serversOf(one), ["b"], "a late close does not erase where the device is now");
      assert.deepEqual([...(await one.servers())].sort(), ["a", "b"]);
    });

    prove("tells servers apart whose ids are alike, and names them as they are", async (one, two) => {
      const ids = ["A", "a", "a b", "us-east", "us-east/a", "ž€", "a:b", "a,b", "%41"].sort();
      const servers = ids.map(server);
      for (const each of servers) await one.join(each, LEASE);
      for (const each of servers) await one.register(each, session("ana"));
      assert.deepEqual([...(await two.servers())].sort(), ids);
      assert.deepEqual(await serversOf(two), ids);
      await one.leave(servers[0]!);
      assert.deepEqual([...(await two.servers())].sort(), ids.slice(1));
    });

    prove("counts a server as gone when its lease has run out", async (one, two, engine) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await two.join(b, LEASE);
      await one.register(a, session("ana"));
      await two.register(b, session("bo"));
      for (const _ of numbers(1, 4)) {
        await engine.advance(LEASE * 0.6);
        assert.equal(await one.renew(a), true);
      }
      assert.deepEqual(await serversOf(two), ["a"]);
      assert.equal(await two.renew(b), false);
      await assertRefused(two.register(b, session("bo")), "store_unavailable");
      await two.join(b, LEASE);
      assert.deepEqual(await serversOf(two), ["a"], "its records are gone with the lease");
      await two.register(b, session("bo"));
      assert.deepEqual(await serversOf(one), ["a", "b"]);
    });

    prove("fences off what an earlier run of a server left", async (one, two) => {
      const [earlier, later] = [server("a"), server("a")];
      const left = session("ana");
      await one.join(earlier, LEASE);
      await one.register(earlier, left);
      await two.join(later, LEASE);
      assert.deepEqual(await serversOf(two), []);
      assert.equal(await one.renew(earlier), false);
      await assertRefused(one.register(earlier, session("ana")), "store_unavailable");
      await two.register(later, session("ana"));
      await one.unregister(earlier, left);
      await one.leave(earlier);
      assert.deepEqual(await serversOf(one), ["a"], "the earlier run takes nothing from the later one");
      assert.equal(await two.renew(later), true);
    });

    prove("joins again without losing its sessions while the lease runs", async (one, _, engine) => {
      const a = server("a");
      await one.join(a, LEASE);
      await one.register(a, session("ana"));
      await one.join(a, LEASE);
      assert.deepEqual(await serversOf(one), ["a"]);
      await engine.advance(LEASE * 0.6);
      await one.join(a, LEASE);
      await engine.advance(LEASE * 0.6);
      assert.deepEqual(await serversOf(one), ["a"], "the lease begins anew with it");
      assert.equal(await one.renew(a), true);
    });

    prove("leases for as long as each server asked", async (one, two, engine) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await two.join(b, LEASE * 2);
      await two.register(b, session("bo"));
      for (const _ of numbers(1, 2)) {
        await engine.advance(LEASE * 1.5);
        assert.deepEqual(await one.servers(), ["b"]);
        assert.equal(await two.renew(b), true, "what is renewed is the lease that was asked for");
      }
      assert.deepEqual(await serversOf(one), ["b"]);
    });

    prove("forgets a server that leaves", async (one, two) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await two.join(b, LEASE);
      await one.register(a, session("ana"));
      await two.register(b, session("ana"));
      await one.leave(a);
      await one.leave(a);
      assert.deepEqual(await serversOf(two), ["b"]);
      assert.equal(await one.renew(a), false);
      await assertRefused(one.register(a, session("ana")), "store_unavailable");
      await one.join(a, LEASE);
      assert.deepEqual(await serversOf(two), ["b"], "its records are gone");
    });

    prove("names every live server, with sessions or without", async (one, two, engine) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await one.join(b, LEASE);
      await one.register(a, session("ana"));
      assert.deepEqual([...(await two.servers())].sort(), ["a", "b"]);
      await one.leave(b);
      assert.deepEqual(await two.servers(), ["a"]);
      await engine.advance(LEASE + 1);
      assert.deepEqual(await two.servers(), []);
    });

    prove("refuses sessions of a server that never joined", async (one) => {
      await assertRefused(one.register(server("a"), session("ana")), "store_unavailable");
      assert.equal(await one.renew(server("a")), false);
    });

    prove("follows the members as they come and go", async (one, two, engine) => {
      const [a, b] = [server("a"), server("b")];
      await one.join(a, LEASE);
      await two.join(b, LEASE);
      await one.register(a, session("ana"));
      await two.register(b, session("cy"));
      assert.ok((await serversOf(one)).includes("a"));
      await engine.setMembers("c", ["ana", "bo", "cy"]);
      assert.deepEqual(await serversOf(one), ["a", "b"]);
    });
  });
}
