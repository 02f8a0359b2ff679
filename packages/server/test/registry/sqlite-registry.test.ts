import { newUuid, systemRuntime } from "@chat/protocol";
import { registrySuite } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import { sqlite, sqliteRegistry } from "../../src/store/sqlite/index.js";
import { SqliteFile } from "../store/sqlite-file.js";
import { VirtualClock } from "../virtual-clock.js";

const runtime = systemRuntime();

/** Makes users the members of a group, by entries of its log. */
async function setMembers(
  store: ChatStore,
  conversationId: string,
  userIds: readonly string[],
): Promise<void> {
  await store.conversations.reserve({ conversationId, type: "group", creatorId: "ana", createdAt: 1 });
  const { membershipVersion } = (await store.messages.heads([conversationId])).get(conversationId)!;
  const present = await store.conversations.roles(conversationId, userIds);
  const add = userIds
    .filter((userId) => !present.has(userId))
    .map((userId) => ({ userId, role: "member" as const }));
  const [outcome] = await store.messages.append([
    {
      conversationId,
      senderId: "ana",
      deviceId: newUuid(runtime.random),
      clientMessageId: newUuid(runtime.random),
      kind: membershipVersion === 0 ? "created" : "members-added",
      data: { members: add.map(({ userId }) => userId) },
      createdAt: 1,
      countsAsUnread: false,
      membershipVersion,
      membership: { add, remove: [] },
    },
  ]);
  expect(outcome?.status).toBe("stored");
}

registrySuite({ describe, it }, "SQLite", async () => {
  const file = new SqliteFile();
  const clock = new VirtualClock();
  const store = sqlite(file.handle());
  await store.open({ runtime, groupMembers: 100 });
  return {
    registry: () => sqliteRegistry(file.handle(), { runtime: clock.runtime }),
    setMembers: (conversationId, userIds) => setMembers(store, conversationId, userIds),
    advance: (duration) => clock.advance(duration),
    dispose: () => file.dispose(),
  };
});

describe("SQLite registry", () => {
  it("names only servers that hold a member, also on a file that no store has opened yet", async () => {
    const file = new SqliteFile();
    const handle = file.handle();
    const registry = sqliteRegistry(handle);
    const identity = { serverId: "a", incarnation: newUuid(runtime.random) };
    await registry.join(identity, 30_000);
    const session = (userId: string) => ({
      userId,
      deviceId: newUuid(runtime.random),
      connectionId: newUuid(runtime.random),
    });
    await registry.register(identity, session("stranger"));
    expect(await registry.serversOf("c")).toEqual([]);

    const store = sqlite(handle);
    await store.open({ runtime, groupMembers: 100 });
    await setMembers(store, "c", ["ana"]);
    expect(await registry.serversOf("c")).toEqual([]);
    await registry.register(identity, session("ana"));
    expect(await registry.serversOf("c")).toEqual(["a"]);
    await store.close();
    file.dispose();
  });
});
