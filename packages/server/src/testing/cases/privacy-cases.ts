import assert from "node:assert/strict";
import { SYSTEM_USER } from "@chat/protocol";
import type { ReceiptAdvance } from "../../store/conversation-store.js";
import type { Case } from "./case.js";
import { numbers, RECEIPT_MEMBERS, type StoreWorld } from "../store-world.js";

const FEW = ["ana", "bo", "cy"];
/** One more than are told of each other. */
const MANY = ["ana", "bo", ...numbers(1, RECEIPT_MEMBERS - 1).map((index) => `user ${index}`)];

async function advance(
  { store }: StoreWorld,
  conversationId: string,
  step: Omit<ReceiptAdvance, "conversationId" | "userId">,
) {
  const [advanced] = await store.conversations.advanceReceipts([{ conversationId, userId: "ana", ...step }]);
  return advanced!;
}

/** How far others see that `ana` has come, by every way that there is. */
async function seenOfAna({ store }: StoreWorld, conversationId: string, messageId: number) {
  const row = await store.conversations.row("bo", conversationId);
  const own = await store.conversations.row(undefined, conversationId);
  const { items } = await store.conversations.receipts(conversationId, { limit: 1_000 });
  const counts = await store.conversations.countReceipts(conversationId, messageId);
  const readOf = (receipts: typeof items = []) => receipts.find(({ userId }) => userId === "ana")?.read;
  return [readOf(row?.receipts), readOf(own?.receipts), readOf(items), counts.read];
}

/** What users tell others. */
export function privacyCases(prove: Case): void {
  prove("keeps what a user tells others, and raises its version with every change", async (world) => {
    const { conversations } = world.store;
    await conversations.setUser({ userId: "bo", name: "Bo" });
    const position = await conversations.position();
    assert.deepEqual(await conversations.privacies(["ana", "bo"]), new Map());
    const silent = { version: 1, typing: false, readReceipts: true, blocked: [] as string[] };
    assert.deepEqual(await conversations.setPrivacy("ana", { typing: false }), silent);
    assert.deepEqual(await conversations.setPrivacy("ana", { typing: false }), silent, "it says the same");
    assert.deepEqual((await conversations.changes({ limit: 5, cursor: position })).users, ["ana"]);
    const hidden = { version: 2, typing: false, readReceipts: false, blocked: [] as string[] };
    assert.deepEqual(await conversations.setPrivacy("ana", { readReceipts: false }), hidden);
    assert.deepEqual(await conversations.setPrivacy("bo", {}), {
      version: 0,
      typing: true,
      readReceipts: true,
      blocked: [],
    });
    const other = await world.open();
    assert.deepEqual(await other.conversations.privacies(["ana", "bo", "cy"]), new Map([["ana", hidden]]));
  });

  prove("keeps it apart from the profile", async (world) => {
    const { conversations } = world.store;
    await conversations.setPrivacy("ana", { readReceipts: false });
    assert.deepEqual(await conversations.users(["ana"]), []);
    assert.equal((await conversations.setUser({ userId: "ana", name: "Ana" })).version, 1);
    assert.equal((await conversations.privacies(["ana"])).get("ana")?.readReceipts, false);
    await conversations.setPrivacy("ana", { readReceipts: true });
    assert.deepEqual(await conversations.users(["ana"]), [{ userId: "ana", version: 1, name: "Ana" }]);
  });

  prove("shows nobody what a member reads who does not tell it, and the member all of it", async (world) => {
    for (const [id, members] of [
      ["c", FEW],
      ["d", MANY],
    ] as const) {
      await world.group(id, members);
      for (let count = 0; count < 4; count++) await world.say(id, "bo");
      await advance(world, id, { delivered: 5, read: { messageId: 2, ordinal: 1 } });
      await world.store.conversations.setPrivacy("ana", { readReceipts: false });
      const before = await world.store.conversations.row("bo", id);
      const cursor = await world.store.conversations.position();
      const read = await advance(world, id, { read: { messageId: 4, ordinal: 3 } });
      assert.deepEqual([read.receipt.read, read.shownRead, read.moved, read.shared], [4, 2, true, false]);
      const shown = id === "c" ? 2 : undefined;
      assert.deepEqual(await seenOfAna(world, id, 4), [shown, shown, 2, 1]);
      assert.deepEqual(await world.store.conversations.row("bo", id), before, "nothing moved for others");
      assert.deepEqual((await world.changesSince("bo", cursor)).rows, []);
      const changes = await (await world.open()).conversations.receiptChanges(id, cursor);
      assert.deepEqual(
        changes.map(({ userId, read, shownRead }) => [userId, read, shownRead]),
        [["ana", 4, 2]],
      );
      assert.equal((await world.row("ana", id)).readOrdinal, 3);
      assert.deepEqual(
        (await world.changesSince("ana", cursor)).rows.map((row) => row.read),
        [4],
      );
      // What was read is told with what is read next.
      await world.store.conversations.setPrivacy("ana", { readReceipts: true });
      assert.deepEqual(await seenOfAna(world, id, 4), [shown, shown, 2, 1]);
      assert.equal((await advance(world, id, { read: { messageId: 5, ordinal: 4 } })).shared, id === "c");
      const all = id === "c" ? 5 : undefined;
      assert.deepEqual(await seenOfAna(world, id, 5), [all, all, 5, 2]);
    }
  });

  prove("still tells what a hiding member has received, and that they have written", async (world) => {
    await world.group("c", FEW);
    await world.say("c", "bo");
    await world.store.conversations.setPrivacy("ana", { readReceipts: false });
    const read = await advance(world, "c", { read: { messageId: 2, ordinal: 1 } });
    assert.equal(read.shared, true);
    const seen = (await world.row("bo", "c")).receipts?.find(({ userId }) => userId === "ana");
    assert.deepEqual(seen, { userId: "ana", delivered: 2, read: 1 });
    await world.say("c", "ana");
    assert.deepEqual(await seenOfAna(world, "c", 3), [3, 3, 3, 1]);
  });

  prove("goes by what a member has set for one conversation before what holds in all", async (world) => {
    const { conversations } = world.store;
    const typingIn = async (id: string) => (await conversations.participation("ana", id))?.typing;
    for (const id of ["c", "d"]) {
      await world.group(id, FEW);
      await world.say(id, "bo");
    }
    assert.deepEqual([await typingIn("c"), await typingIn("d")], [true, true]);
    const cursor = await conversations.position();
    const before = await conversations.row("bo", "c");
    const set = await advance(world, "c", { privacy: { typing: false, readReceipts: false } });
    const privacy = { version: 1, typing: false, readReceipts: false };
    assert.deepEqual([set.receipt.privacy, set.moved, set.shared], [privacy, true, false]);
    assert.equal((await advance(world, "c", { privacy: { typing: false } })).moved, false);
    assert.deepEqual((await world.row("ana", "c")).privacy, privacy);
    assert.deepEqual(await conversations.row("bo", "c"), before);
    assert.deepEqual(
      (await world.changesSince("ana", cursor)).rows.map((row) => row.privacy),
      [privacy],
    );
    assert.deepEqual([await typingIn("c"), await typingIn("d")], [false, true]);
    for (const id of ["c", "d"]) await advance(world, id, { read: { messageId: 2, ordinal: 1 } });
    assert.deepEqual(await seenOfAna(world, "c", 2), [1, 1, 1, 1]);
    assert.deepEqual(await seenOfAna(world, "d", 2), [2, 2, 2, 2]);
    await conversations.setPrivacy("ana", { typing: false, readReceipts: false });
    await advance(world, "c", { privacy: { typing: true, readReceipts: true } });
    assert.deepEqual([await typingIn("c"), await typingIn("d")], [true, false]);
    for (const id of ["c", "d"]) await world.say(id, "bo");
    for (const id of ["c", "d"]) await advance(world, id, { read: { messageId: 3, ordinal: 2 } });
    assert.deepEqual(await seenOfAna(world, "c", 3), [3, 3, 3, 2]);
    assert.deepEqual(await seenOfAna(world, "d", 3), [2, 2, 2, 1]);
    const cleared = await advance(world, "c", { privacy: { typing: null, readReceipts: null } });
    assert.deepEqual(cleared.receipt.privacy, { version: 3 });
    assert.deepEqual([await typingIn("c"), await typingIn("d")], [false, false]);
    // It ends with the membership.
    await advance(world, "d", { privacy: { typing: true } });
    await world.leave("d", "ana");
    await world.join("d", "ana");
    assert.equal((await world.row("ana", "d")).privacy, undefined);
  });

  prove("keeps whom a user has blocked, and knows it from both sides", async (world) => {
    const { conversations } = world.store;
    const set = await conversations.setPrivacy("ana", { block: ["cy", "bo", "bo"] });
    assert.deepEqual(set, { version: 1, typing: true, readReceipts: true, blocked: ["bo", "cy"] });
    assert.deepEqual(await conversations.setPrivacy("ana", { block: ["bo"], unblock: ["di"] }), set);
    const other = await world.open();
    assert.deepEqual((await other.conversations.privacies(["ana"])).get("ana"), set);
    await conversations.setPrivacy("di", { block: ["ana"] });
    const blocks = { blocked: ["cy"], blockedBy: ["di"] };
    assert.deepEqual(await conversations.blocks("ana", ["cy", "di", "eve"]), blocks);
    assert.deepEqual(await conversations.blocks("cy", ["ana"]), { blocked: [], blockedBy: ["ana"] });
    assert.deepEqual(await conversations.blocks("ana", []), { blocked: [], blockedBy: [] });
    const freed = await conversations.setPrivacy("ana", { unblock: ["bo", "cy"] });
    assert.deepEqual(freed, { ...set, version: 2, blocked: [] });
    assert.deepEqual(await conversations.blocks("cy", ["ana"]), { blocked: [], blockedBy: [] });
  });

  prove(
    "sends a message back into a direct conversation of two of whom one has blocked the other",
    async (world) => {
      const { conversations, messages } = world.store;
      const pair = ["ana", "bo"] as const;
      await conversations.reserve({
        conversationId: "d",
        type: "direct",
        creatorId: "ana",
        pair,
        createdAt: 1,
      });
      const add = pair.map((userId) => ({ userId, role: "member" as const }));
      const created = world.draft("d", "ana", {
        ...{ kind: "created", data: { members: [...pair] }, countsAsUnread: false, membershipVersion: 0 },
        membership: { add, remove: [] },
      });
      await world.append([created]);
      await world.group("c", FEW);
      const draftOf = (id: string, userId: string) => world.draft(id, userId, { membershipVersion: 1 });
      const said = async (id: string, userId: string, draft = draftOf(id, userId)) => {
        const [outcome] = await messages.append([draft]);
        return outcome?.status === "refused" ? outcome.error.code : outcome?.status;
      };
      const standing = async (userId: string) => {
        const { blocks, blockedBy } = (await conversations.participation(userId, "d"))!;
        return [blocks, blockedBy];
      };
      const first = draftOf("d", "bo");
      assert.equal(await said("d", "bo", first), "stored");
      assert.deepEqual(
        [await standing("ana"), await standing("bo")],
        [
          [false, false],
          [false, false],
        ],
      );
      await conversations.setPrivacy("bo", { block: ["ana"] });
      assert.deepEqual(
        [await standing("ana"), await standing("bo")],
        [
          [false, true],
          [true, false],
        ],
      );
      for (const userId of pair) assert.equal(await said("d", userId), "membership_moved");
      assert.equal(await said("d", "bo", first), "duplicate");
      assert.equal(await said("d", SYSTEM_USER), "stored");
      assert.equal(await said("c", "ana"), "stored");
      await conversations.setPrivacy("bo", { unblock: ["ana"] });
      for (const userId of pair) assert.equal(await said("d", userId), "stored");
    },
  );
}
