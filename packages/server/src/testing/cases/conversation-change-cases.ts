import assert from "node:assert/strict";
import { ENTRY_KINDS, type Role } from "@chat/protocol";
import type { Case } from "./case.js";
import { numbers, statuses, type StoreWorld, uuid } from "../store-world.js";
import type { StoredEntry } from "../../store/stored-entry.js";

async function rolesOf(world: StoreWorld, ...userIds: string[]): Promise<(Role | undefined)[]> {
  const roles = await world.store.conversations.roles("c", userIds);
  return userIds.map((userId) => roles.get(userId));
}

/** What entries change of a conversation and of its members' roles. */
export function conversationChangeCases(prove: Case): void {
  prove("changes roles with the entry that says so", async (world) => {
    await world.group("c", ["ana", "bo", "cy"]);
    const entry = await world.setRoles("c", ["bo", "owner"], ["ana", "admin"]);
    assert.deepEqual(await rolesOf(world, "ana", "bo", "cy"), ["admin", "owner", "member"]);
    assert.equal((await world.row("bo", "c")).role, "owner");
    assert.equal((await world.store.conversations.participation("ana", "c"))?.role, "admin");
    assert.equal(await world.membershipVersion("c"), entry.messageId, "authorization can't be outrun");
    const heir = { add: [], remove: ["bo"], roles: [{ userId: "ana", role: "owner" as const }] };
    const overrides = { data: { members: ["bo"], roles: [["ana", "owner"]] }, membershipVersion: 2 };
    await world.stored(world.membershipDraft("c", "bo", heir, overrides));
    assert.deepEqual(await rolesOf(world, "ana", "bo", "cy"), ["owner", undefined, "member"]);
    assert.equal((await world.row("bo", "c")).role, "owner", "a former member's row stays as it was");
    await world.join("c", "bo");
    assert.deepEqual(await rolesOf(world, "bo"), ["member"], "who comes back begins anew");
  });

  prove("gives no role to those who are no members after the entry", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const roles = (userId: string) => [{ userId, role: "admin" as const }];
    const outcomes = await world.append([
      world.membershipDraft("c", "ana", { add: [], remove: [], roles: roles("di") }),
      world.membershipDraft("c", "ana", { add: [], remove: ["bo"], roles: roles("bo") }),
    ]);
    assert.deepEqual(statuses(outcomes), Array(2).fill("refused invalid_argument"));
  });

  prove("knows who is first in line", async (world) => {
    const first = (...besides: string[]) => world.store.conversations.firstInLine("c", besides);
    assert.equal(await first(), undefined);
    await world.group("c", ["zoe", "cy", "bo"]);
    await world.join("c", "ana", "di");
    assert.equal(await first(), "zoe", "the owner");
    assert.equal(
      await first("zoe"),
      "bo",
      "who has been there longest; of two who came together the lower id",
    );
    await world.setRoles("c", ["di", "admin"], ["ana", "admin"]);
    assert.equal(await first("zoe"), "ana", "admins go before members");
    assert.equal(await first("zoe", "ana", "di", "bo", "cy"), undefined);
    await world.leave("c", "bo");
    await world.join("c", "bo");
    assert.equal(await first("zoe", "ana", "di"), "cy", "who came back has been there since");
  });

  prove("changes what a row shows, and leaves what an entry does not name", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const said = await world.say("c", "ana");
    const before = await world.row("ana", "c");
    const entry = await world.update("c", { name: "Crew 🙂", data: { topic: { id: 7 } } });
    const after = await world.row("ana", "c");
    assert.deepEqual(after, {
      ...before,
      version: after.version,
      head: 3,
      headFingerprint: entry.fingerprint,
      name: "Crew 🙂",
      data: { topic: { id: 7 } },
    });
    assert.ok(after.version > before.version);
    assert.equal(entry.ordinal, said.ordinal, "it does not count as unread");
    await world.update("c", { name: "Crew" });
    assert.deepEqual((await world.row("bo", "c")).data, { topic: { id: 7 } });
    await world.update("c", { data: { topic: 8 } });
    assert.deepEqual((await world.row("bo", "c")).name, "Crew");
    await world.leave("c", "bo");
    await world.update("c", { name: "", data: {} });
    const { name, data } = await world.row("ana", "c");
    assert.deepEqual([name, data], [undefined, undefined]);
    const former = await world.row("bo", "c");
    assert.deepEqual([former.name, former.data], ["Crew", { topic: 8 }], "a former member's stays as it was");
    await world.join("c", "bo");
    assert.equal((await world.row("bo", "c")).name, undefined);
  });

  prove("gives the rows of many users in one read", async (world) => {
    const users = numbers(100, 499).map((index) => `u${index}`);
    await world.group("c", ["ana", ...users]);
    await world.leave("c", "u100");
    await world.setRoles("c", ["u101", "admin"]);
    const rows = await world.store.conversations.rows("c", ["ana", "stranger", ...users]);
    assert.equal(rows.size, 401);
    for (const userId of ["ana", "u100", "u101", "u499"]) {
      assert.deepEqual(rows.get(userId), await world.row(userId, "c"));
    }
    assert.equal((await world.store.conversations.rows("nowhere", ["ana"])).size, 0);
  });

  prove(
    "shows the application itself what an owner sees who was there from the first entry on",
    async (world) => {
      const { conversations } = world.store;
      await conversations.reserve({ conversationId: "c", type: "group", creatorId: "ana", createdAt: 1 });
      assert.equal(await conversations.row(undefined, "c"), undefined);
      assert.equal(await conversations.participation(undefined, "c"), undefined);
      await world.stored(world.createdDraft("c", ["ana"]));
      await world.say("c", "ana");
      assert.deepEqual(await conversations.row(undefined, "c"), {
        ...(await world.row("ana", "c")),
        receipts: [{ userId: "ana", delivered: 2, read: 2 }],
      });
      assert.deepEqual(
        await conversations.participation(undefined, "c"),
        await conversations.participation("ana", "c"),
      );
    },
  );

  prove("shows those who join what was before, where it says so", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana"); // 2
    await world.leave("c", "bo"); // 3
    const { conversations } = world.store;
    const intervals = async (userId: string) => (await conversations.participation(userId, "c"))?.intervals;
    const version = await world.membershipVersion("c");
    await world.update("c", { historyVisibility: "all" }); // 4
    assert.equal(await world.membershipVersion("c"), version + 1, "nobody joins under what has ended");
    assert.equal((await world.row("ana", "c")).historyVisibility, "all");
    assert.equal((await world.row("bo", "c")).historyVisibility, undefined);
    const open = async (...userIds: string[]) => {
      const add = userIds.map((userId) => ({ userId, role: "member" as const }));
      const overrides = {
        membershipVersion: await world.membershipVersion("c"),
        data: { members: userIds, from: 1 },
      };
      return world.stored(world.membershipDraft("c", "ana", { add, remove: [], fromStart: true }, overrides));
    };
    await open("bo", "cy"); // 5
    for (const userId of ["bo", "cy"]) {
      assert.deepEqual(await intervals(userId), [{ from: 1, to: undefined }]);
      const row = await world.row(userId, "c");
      assert.deepEqual([row.joinedAt, row.visibleFrom, row.latest?.messageId], [5, 1, 2]);
    }
    const { head, fingerprint } = (await world.store.messages.heads(["c"])).get("c")!;
    assert.deepEqual((await conversations.memberOf("cy", { limit: 5 })).items, [
      { conversationId: "c", head, fingerprint, from: 1 },
    ]);
    const { items } = await conversations.members("c", { limit: 5 });
    assert.deepEqual(
      items.map(({ joinedAt }) => joinedAt),
      [1, 5, 5],
    );
    await world.leave("c", "bo"); // 6
    assert.deepEqual(await intervals("bo"), [{ from: 1, to: 6 }]);
    await world.update("c", { historyVisibility: "joined" }); // 7
    await world.join("c", "bo"); // 8
    assert.deepEqual(await intervals("bo"), [
      { from: 1, to: 6 },
      { from: 8, to: undefined },
    ]);
    await world.leave("c", "bo"); // 9
    await open("bo"); // 10
    assert.deepEqual(await intervals("bo"), [{ from: 1, to: undefined }], "it takes in what was before");
  });

  prove("begins with the history visibility that was reserved", async (world) => {
    const group = { conversationId: "c", type: "group", creatorId: "ana", createdAt: 1 } as const;
    await world.store.conversations.reserve({ ...group, historyVisibility: "all" });
    await world.stored(world.createdDraft("c", ["ana"]));
    assert.equal((await world.row("ana", "c")).historyVisibility, "all");
    assert.equal((await world.store.conversations.participation("ana", "c"))?.historyVisibility, "all");
  });

  prove("derives all of it from the entries alone", async (world) => {
    const { conversations, follower } = world.store;
    if (follower === undefined) return;
    await conversations.reserve({ conversationId: "c", type: "group", creatorId: "system", createdAt: 7 });
    const kinds: [string, object][] = [
      [ENTRY_KINDS.created, { members: ["ana", "bo"], roles: [["bo", "owner"]] }],
      [ENTRY_KINDS.updated, { name: "Crew", historyVisibility: "all" }],
      [ENTRY_KINDS.membersAdded, { members: ["cy"], from: 1 }],
      [ENTRY_KINDS.rolesChanged, { roles: [["ana", "admin"]] }],
      [ENTRY_KINDS.membersRemoved, { members: ["bo"], roles: [["ana", "owner"]] }],
      [ENTRY_KINDS.updated, { data: { topic: 7 }, historyVisibility: "joined" }],
      [ENTRY_KINDS.membersAdded, { members: ["di"] }],
    ];
    const log = numbers(1, kinds.length).map((messageId): StoredEntry => ({
      conversationId: "c",
      messageId,
      senderId: "system",
      deviceId: uuid(),
      clientMessageId: uuid(),
      kind: kinds[messageId - 1]![0],
      data: kinds[messageId - 1]![1] as NonNullable<StoredEntry["data"]>,
      createdAt: messageId,
      ordinal: 0,
      fingerprint: messageId,
    }));
    assert.deepEqual(await follower.advance(log), []);
    const row = await world.row("ana", "c");
    assert.deepEqual([row.name, row.data, row.role, row.memberCount], ["Crew", { topic: 7 }, "owner", 3]);
    const participation = await conversations.participation("ana", "c");
    assert.deepEqual([participation?.historyVisibility, participation?.membershipVersion], ["joined", 7]);
    assert.equal((await world.row("cy", "c")).visibleFrom, 1);
    assert.equal((await world.row("di", "c")).visibleFrom, 7);
  });
}
