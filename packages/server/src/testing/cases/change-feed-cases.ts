import assert from "node:assert/strict";
import type { ConversationRow } from "@chat/protocol";
import type { Case } from "./case.js";
import { assertRefused, numbers, seeded, type StoreWorld, turn } from "../store-world.js";

function ids(rows: readonly { readonly conversationId: string }[]): string[] {
  return rows.map(({ conversationId }) => conversationId);
}

/** All of the store-wide feed since a cursor. */
async function feedSince(world: StoreWorld, cursor: string, limit: number) {
  const heads = new Map<string, number>();
  const moved = new Set<string>();
  const users = new Set<string>();
  for (let at = cursor; ;) {
    const page = await world.store.conversations.changes({ limit, cursor: at });
    assert.ok(page.conversations.length + page.users.length <= limit);
    assert.equal(new Set(ids(page.conversations)).size, page.conversations.length, "each conversation once");
    for (const { conversationId, head, membershipMoved } of page.conversations) {
      heads.set(conversationId, head);
      if (membershipMoved) moved.add(conversationId);
    }
    for (const userId of page.users) users.add(userId);
    at = page.cursor;
    if (!page.more) return { heads, moved, users, cursor: at };
  }
}

/** What changed for one user, and in the whole store. */
export function changeFeedCases(prove: Case): void {
  prove("tells a user what changed since a cursor, in the order of the changes", async (world) => {
    for (const conversationId of ["a", "b", "c", "d"]) await world.group(conversationId, ["ana", "bo"]);
    await world.group("other", ["bo"]);
    const { cursor } = await world.list("ana");
    const nothing = await world.store.conversations.listChanges("ana", { limit: 5, cursor });
    assert.deepEqual([nothing.rows, nothing.more], [[], false]);
    await world.say("c", "bo");
    await world.say("other", "bo");
    await world.say("a", "bo");
    await world.join("b", "cy");
    await world.say("c", "bo");
    const answer = await world.store.conversations.listChanges("ana", { limit: 5, cursor: nothing.cursor });
    assert.deepEqual([ids(answer.rows), answer.more], [["a", "b", "c"], false]);
    for (const row of answer.rows) assert.deepEqual(row, await world.row("ana", row.conversationId));
    const again = await world.store.conversations.listChanges("ana", { limit: 5, cursor: answer.cursor });
    assert.deepEqual(again.rows, []);
  });

  prove("goes on page by page", async (world) => {
    const cursor = await world.store.conversations.position();
    const all = numbers(10, 29).map((index) => `c${index}`);
    for (const conversationId of all) await world.group(conversationId, ["ana"]);
    const first = await world.store.conversations.listChanges("ana", { limit: 7, cursor });
    assert.deepEqual([ids(first.rows), first.more], [all.slice(0, 7), true]);
    await world.say("c12", "ana");
    const rest = await world.changesSince("ana", first.cursor, 7);
    assert.deepEqual(ids(rest.rows), [...all.slice(7), "c12"]);
    const exact = await world.store.conversations.listChanges("ana", { limit: 20, cursor });
    assert.deepEqual([exact.rows.length, exact.more], [20, false]);
  });

  prove("keeps apart what one call of append changed", async (world) => {
    const all = numbers(10, 19).map((index) => `c${index}`);
    for (const conversationId of all) await world.group(conversationId, ["ana"]);
    const cursor = await world.store.conversations.position();
    await world.append(all.map((conversationId) => world.draft(conversationId, "ana")));
    assert.deepEqual(ids((await world.changesSince("ana", cursor, 3)).rows).sort(), all);
    assert.deepEqual([...(await feedSince(world, cursor, 3)).heads.keys()].sort(), all);
    assert.deepEqual(ids((await world.list("ana", 3)).rows).sort(), all);
  });

  prove("tells of joining and of leaving once, and of nothing after that", async (world) => {
    await world.group("c", ["ana"]);
    let { cursor } = await world.list("bo");
    const changes = async (): Promise<ConversationRow[]> => {
      const since = await world.changesSince("bo", cursor);
      cursor = since.cursor;
      return since.rows;
    };
    await world.say("c", "ana");
    assert.deepEqual(await changes(), []);
    await world.join("c", "bo");
    assert.deepEqual(
      (await changes()).map(({ member, head }) => [member, head]),
      [[true, 3]],
    );
    await world.leave("c", "bo");
    await world.say("c", "ana");
    assert.deepEqual(
      (await changes()).map(({ member, head }) => [member, head]),
      [[false, 3]],
    );
    await world.say("c", "ana");
    await world.join("c", "cy");
    assert.deepEqual(await changes(), []);
    await world.join("c", "bo");
    await world.leave("c", "bo");
    await world.join("c", "bo");
    assert.deepEqual(
      (await changes()).map(({ member, joinedAt }) => [member, joinedAt]),
      [[true, 10]],
    );
  });

  prove("misses nothing while two stores write and others read", async (world) => {
    const random = seeded(11);
    const other = await world.open();
    const conversations = numbers(0, 9).map((index) => `c${index}`);
    const users = ["ana", "bo", "cy", "di"];
    for (const conversationId of conversations) await world.group(conversationId, ["owner", ...users]);
    const start = await world.store.conversations.position();
    const cursors = new Map(users.map((userId) => [userId, start]));
    const held = new Map(users.map((userId) => [userId, new Map<string, ConversationRow>()]));
    let feed = start;
    const heads = new Map<string, number>();
    let writing = true;

    const write = async (writer: number): Promise<void> => {
      const store = writer % 2 === 0 ? world.store : other;
      for (let round = 0; round < 40; round++) {
        const conversationId = conversations[Math.floor(random() * conversations.length)]!;
        const membershipVersion = await world.membershipVersion(conversationId, store);
        if (random() < 0.7) {
          await world.append([world.draft(conversationId, "owner", { membershipVersion })], store);
          continue;
        }
        const userId = users[Math.floor(random() * users.length)]!;
        const member = (await store.conversations.roles(conversationId, [userId])).has(userId);
        const membership = member
          ? { add: [], remove: [userId] }
          : { add: [{ userId, role: "member" as const }], remove: [] };
        // Others may have been quicker: then it is refused, and nothing changes.
        await world.append(
          [world.membershipDraft(conversationId, "owner", membership, { membershipVersion })],
          store,
        );
      }
    };
    const read = async (): Promise<void> => {
      for (const userId of users) {
        const limit = 1 + Math.floor(random() * 5);
        const since = await world.store.conversations.listChanges(userId, {
          limit,
          cursor: cursors.get(userId)!,
        });
        cursors.set(userId, since.cursor);
        for (const row of since.rows) held.get(userId)!.set(row.conversationId, row);
      }
      const page = await world.store.conversations.changes({ limit: 3, cursor: feed });
      feed = page.cursor;
      for (const { conversationId, head } of page.conversations) heads.set(conversationId, head);
    };
    const writers = Promise.all(numbers(0, 3).map(write)).finally(() => (writing = false));
    while (writing) {
      await turn();
      await read();
    }
    await writers;

    for (const userId of users) {
      for (const row of (await world.changesSince(userId, cursors.get(userId)!, 3)).rows) {
        held.get(userId)!.set(row.conversationId, row);
      }
      for (const [conversationId, row] of held.get(userId)!) {
        assert.deepEqual(row, await world.row(userId, conversationId));
      }
    }
    for (const [conversationId, head] of (await feedSince(world, feed, 3)).heads)
      heads.set(conversationId, head);
    for (const [conversationId, { head }] of await world.store.messages.heads(conversations)) {
      if (head > 1) assert.equal(heads.get(conversationId), head);
    }
  });

  prove("tells of the whole store what moved since a position", async (world) => {
    for (const conversationId of ["a", "b", "c"]) await world.group(conversationId, ["ana"]);
    const position = await world.store.conversations.position();
    const quiet = await world.store.conversations.changes({ limit: 5, cursor: position });
    assert.deepEqual([quiet.conversations, quiet.users, quiet.more], [[], [], false]);
    await world.say("b", "ana");
    await world.store.conversations.setUser({ userId: "ana", name: "Ana" });
    await world.say("b", "ana");
    await world.join("a", "bo");
    await world.say("a", "ana");
    await world.store.conversations.setUser({ userId: "bo", name: "Bo" });
    await world.store.conversations.setUser({ userId: "ana", name: "Anna" });
    for (const limit of [1, 2, 3, 100]) {
      const { heads, moved, users, cursor } = await feedSince(world, position, limit);
      assert.deepEqual([...heads].sort(), [
        ["a", 3],
        ["b", 3],
      ]);
      assert.deepEqual([...moved], ["a"]);
      assert.deepEqual([...users].sort(), ["ana", "bo"]);
      assert.deepEqual((await feedSince(world, cursor, limit)).heads.size, 0);
    }
    const whole = await world.store.conversations.changes({ limit: 100, cursor: position });
    assert.deepEqual([whole.conversations.length, whole.users.length, whole.more], [2, 2, false]);
  });

  prove("names the boot of the store, the same for as long as nothing is opened", async (world) => {
    await world.group("c", ["ana"]);
    const cursor = await world.store.conversations.position();
    const { boot } = await world.store.conversations.changes({ limit: 5, cursor });
    assert.notEqual(boot, "");
    await world.say("c", "ana");
    await world.store.conversations.setUser({ userId: "ana", name: "Ana" });
    for (const limit of [1, 5]) {
      assert.equal((await world.store.conversations.changes({ limit, cursor })).boot, boot);
    }
  });

  prove("refuses what is no cursor, and cursors of another store's history", async (world) => {
    await world.group("c", ["ana"]);
    const { cursor } = await world.list("ana");
    const { conversations } = world.store;
    const foreign = cursor.replace(/[0-9a-f]/g, (digit) => (digit === "0" ? "1" : "0"));
    for (const bad of ["", "x", "0", `${cursor}x`, "🙂", foreign, "x".repeat(1_024)]) {
      await assertRefused(conversations.listChanges("ana", { limit: 5, cursor: bad }), "cursor_invalid");
      await assertRefused(conversations.changes({ limit: 5, cursor: bad }), "cursor_invalid");
    }
  });

  prove(
    "takes cursors of every store on the engine, also those from before another one opened",
    async (world) => {
      await world.group("c", ["ana"]);
      const { cursor } = await world.list("ana");
      const other = await world.open();
      await world.say("c", "ana");
      const late = await other.conversations.position();
      const third = await world.open();
      for (const { conversations } of [world.store, other, third]) {
        assert.deepEqual(ids((await conversations.listChanges("ana", { limit: 5, cursor })).rows), ["c"]);
        assert.deepEqual(ids((await conversations.changes({ limit: 5, cursor })).conversations), ["c"]);
        assert.deepEqual((await conversations.listChanges("ana", { limit: 5, cursor: late })).rows, []);
      }
    },
  );
}
