import assert from "node:assert/strict";
import type { Case } from "./case.js";

/** What is kept of users' presence, and who may know of it. */
export function presenceCases(prove: Case): void {
  prove("keeps when users were there last, never moving back", async (world) => {
    const other = await world.open();
    const { conversations } = world.store;
    const at = 1_700_000_000_000;
    await conversations.setLastActive([
      { userId: "ana", at },
      { userId: "bo", at: at + 5 },
    ]);
    await other.conversations.setLastActive([
      { userId: "ana", at: at + 1 },
      { userId: "bo", at: at + 4 },
    ]);
    await conversations.setLastActive([]);
    assert.deepEqual(
      await conversations.presences(["ana", "bo", "cy"]),
      new Map([
        ["ana", { lastActiveAt: at + 1, invisible: false }],
        ["bo", { lastActiveAt: at + 5, invisible: false }],
      ]),
    );
  });

  prove("keeps whether a user wants to be seen", async (world) => {
    const { conversations } = world.store;
    await conversations.setInvisible("ana", true);
    await conversations.setLastActive([{ userId: "bo", at: 7 }]);
    await conversations.setInvisible("bo", true);
    await conversations.setInvisible("cy", false);
    const seen = async () => [...(await conversations.presences(["ana", "bo", "cy"]))].sort();
    assert.deepEqual(await seen(), [
      ["ana", { invisible: true }],
      ["bo", { lastActiveAt: 7, invisible: true }],
      ["cy", { invisible: false }],
    ]);
    await conversations.setInvisible("ana", false);
    await conversations.setLastActive([{ userId: "bo", at: 8 }]);
    assert.deepEqual((await seen()).slice(0, 2), [
      ["ana", { invisible: false }],
      ["bo", { lastActiveAt: 8, invisible: true }],
    ]);
  });

  prove("tells no feed of it", async (world) => {
    await world.group("c", ["ana"]);
    const { conversations } = world.store;
    const cursor = await conversations.position();
    await conversations.setLastActive([{ userId: "ana", at: 7 }]);
    await conversations.setInvisible("ana", true);
    const feed = await conversations.changes({ limit: 5, cursor });
    assert.deepEqual([feed.conversations, feed.users], [[], []]);
    assert.deepEqual((await world.changesSince("ana", cursor)).rows, []);
  });

  prove("knows who shares a conversation with whom, now", async (world) => {
    await world.group("a", ["ana", "bo"]);
    await world.group("b", ["ana", "bo", "cy"]);
    await world.group("c", ["cy", "di"]);
    const { conversations } = world.store;
    const known = async (userId: string) =>
      [...(await conversations.acquaintances(userId, ["bo", "cy", "cy", "di", "nobody"]))].sort();
    assert.deepEqual(await known("ana"), ["bo", "cy"]);
    await world.leave("b", "ana");
    assert.deepEqual(await known("ana"), ["bo"]);
    await world.leave("a", "bo");
    assert.deepEqual(await known("ana"), []);
    assert.deepEqual(await known("stranger"), []);
    assert.deepEqual(await conversations.acquaintances("cy", []), []);
  });
}
