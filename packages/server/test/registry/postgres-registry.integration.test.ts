import { systemRuntime } from "@chat/protocol";
import { postgresRegistry } from "@chat/server/postgres";
import { registrySuite } from "@chat/server/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import { isUp } from "../engines/engine-urls.js";
import { openPostgres } from "../store/postgres-drafts.js";
import { PostgresSchema } from "../store/postgres-schema.js";
import { draft, result, upTo, uuid } from "../store/sqlite-drafts.js";

/** Makes users the members of "c", ana its owner; each call adds to what was there. */
async function setMembers(store: ChatStore, userIds: readonly string[]): Promise<void> {
  const there = await store.conversations.roles("c", userIds);
  const add = userIds.filter((userId) => !there.has(userId));
  if (add.length === 0) return;
  const { membershipVersion } = (await store.messages.heads(["c"])).get("c")!;
  const [outcome] = await store.messages.append([
    draft({
      kind: "members-added",
      data: { members: add },
      countsAsUnread: false,
      membershipVersion,
      membership: { add: add.map((userId) => ({ userId, role: "member" })), remove: [] },
    }),
  ]);
  expect(result(outcome)).toBe("stored");
}

describe.skipIf(!(await isUp("postgres")))("PostgreSQL registry", () => {
  registrySuite({ describe, it }, "PostgreSQL", async () => {
    const schema = await PostgresSchema.create();
    const pool = schema.pool();
    const store = await openPostgres(pool);
    return {
      registry: () => postgresRegistry(schema.pool()),
      setMembers: (_, userIds) => setMembers(store, userIds),
      // PostgreSQL's clock can't be moved; what it is compared with can.
      async advance(duration) {
        await pool.query("UPDATE chat_server SET expires = expires - $1::bigint", [Math.round(duration)]);
      },
      async dispose() {
        await store.close();
        await schema.dispose();
      },
    };
  });

  it("names only servers with members, and all that hold anybody for a large conversation", async () => {
    const schema = await PostgresSchema.create();
    onTestFinished(() => schema.dispose());
    const store = await openPostgres(schema.pool());
    const registry = postgresRegistry(schema.pool());
    for (const serverId of ["a", "b", "empty"]) {
      const server = { serverId, incarnation: uuid() };
      await registry.join(server, 30_000);
      const userId = serverId === "a" ? "ana" : "stranger";
      if (serverId !== "empty") {
        await registry.register(server, { userId, deviceId: uuid(), connectionId: uuid() });
      }
    }
    expect(await registry.serversOf("c")).toEqual(["a"]);
    await setMembers(store, upTo(600).map(String));
    expect([...(await registry.serversOf("c"))].sort()).toEqual(["a", "b"]);
    expect(await registry.serversOf("nowhere")).toEqual([]);
    await store.close();
  });

  it("leaves nothing behind of servers that died", async () => {
    const schema = await PostgresSchema.create();
    onTestFinished(() => schema.dispose());
    const registry = postgresRegistry(schema.pool());
    const dead = { serverId: "dead", incarnation: uuid() };
    await registry.join(dead, 1_000);
    await registry.register(dead, { userId: "ana", deviceId: uuid(), connectionId: uuid() });
    await schema.pool().query("UPDATE chat_server SET expires = expires - 3000");
    await registry.join({ serverId: "b", incarnation: uuid() }, 1_000);
    expect((await schema.pool().query("SELECT id FROM chat_server")).rows).toEqual([{ id: "b" }]);
    expect((await schema.pool().query("SELECT server FROM chat_session")).rows).toEqual([]);
  });

  it("takes what was left by an earlier run for nobody's, also when it comes late", async () => {
    const schema = await PostgresSchema.create();
    onTestFinished(() => schema.dispose());
    const store = await openPostgres(schema.pool());
    const registry = postgresRegistry(schema.pool(), { runtime: systemRuntime() });
    const [earlier, later] = [uuid(), uuid()].map((incarnation) => ({ serverId: "a", incarnation }));
    await registry.join(earlier!, 30_000);
    await registry.join(later!, 30_000);
    // As if a registration of the earlier run had been under way while the later one joined.
    const values = ["a", earlier!.incarnation, "ana", uuid(), uuid()];
    await schema.pool().query("INSERT INTO chat_session VALUES ($1, $2, $3, $4, $5)", values);
    expect(await registry.serversOf("c")).toEqual([]);
    await store.close();
  });
});
