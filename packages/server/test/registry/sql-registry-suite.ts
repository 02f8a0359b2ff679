import { registrySuite } from "@chat/server/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Registry } from "../../src/registry/registry.js";
import type { ChatStore } from "../../src/store/chat-store.js";
import { draft, result, upTo, uuid } from "../store/sqlite-drafts.js";

/** The tables of a test's own, with what looks at them. */
export interface SqlTables {
  /** An open store with the conversation "c" of ana. */
  store(): Promise<ChatStore>;
  registry(): Registry;
  /** Runs a statement without parameters; the text of each row's first column. */
  run(sql: string): Promise<string[]>;
  dispose(): Promise<void>;
}

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

/** The published suite, and what is particular to a registry beside the participations. */
export function sqlRegistrySuite(name: string, create: () => Promise<SqlTables>): void {
  const newTables = async (): Promise<SqlTables> => {
    const tables = await create();
    onTestFinished(() => tables.dispose());
    return tables;
  };

  registrySuite({ describe, it }, name, async () => {
    const tables = await create();
    const store = await tables.store();
    return {
      registry: () => tables.registry(),
      setMembers: (_, userIds) => setMembers(store, userIds),
      // The engine's clock can't be moved; what it is compared with can.
      async advance(duration) {
        await tables.run(`UPDATE chat_server SET expires = expires - ${Math.round(duration)}`);
      },
      async dispose() {
        await store.close();
        await tables.dispose();
      },
    };
  });

  it("names only servers with members, and all that hold anybody for a large conversation", async () => {
    const tables = await newTables();
    const store = await tables.store();
    const registry = tables.registry();
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
    const tables = await newTables();
    const registry = tables.registry();
    const dead = { serverId: "dead", incarnation: uuid() };
    await registry.join(dead, 1_000);
    await registry.register(dead, { userId: "ana", deviceId: uuid(), connectionId: uuid() });
    await tables.run("UPDATE chat_server SET expires = expires - 3000");
    await registry.join({ serverId: "b", incarnation: uuid() }, 1_000);
    expect(await tables.run("SELECT id FROM chat_server")).toEqual(["b"]);
    expect(await tables.run("SELECT server FROM chat_session")).toEqual([]);
  });

  it("takes what was left by an earlier run for nobody's, also when it comes late", async () => {
    const tables = await newTables();
    const store = await tables.store();
    const registry = tables.registry();
    const [earlier, later] = [uuid(), uuid()].map((incarnation) => ({ serverId: "a", incarnation }));
    await registry.join(earlier!, 30_000);
    await registry.join(later!, 30_000);
    // As if a registration of the earlier run had been under way while the later one joined.
    const values = ["a", earlier!.incarnation, "ana", uuid(), uuid()].map((value) => `'${value}'`);
    await tables.run(`INSERT INTO chat_session VALUES (${values.join(", ")})`);
    expect(await registry.serversOf("c")).toEqual([]);
    await store.close();
  });
}
