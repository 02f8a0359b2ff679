import assert from "node:assert/strict";
import type { ConversationRow, Receipt } from "@chat/protocol";
import type { ReceiptAdvance } from "../../store/conversation-store.js";
import type { Case } from "./case.js";
import { assertRefused, numbers, RECEIPT_MEMBERS, type StoreWorld } from "../store-world.js";

const FEW = ["ana", "bo", "cy"];
/** One more than are told of each other. */
const MANY = numbers(1, RECEIPT_MEMBERS + 1).map((index) => `user ${index}`);

/** What a row says of its user's own receipt. */
function ownOf({ delivered, read, readOrdinal, unread }: ConversationRow): Receipt {
  return { delivered, read, readOrdinal, ...(unread && { unread }) };
}

/** What a row says of the others, by user id. */
function othersOf({ receipts }: ConversationRow): unknown {
  if (receipts === undefined) return undefined;
  return [...receipts]
    .sort((a, b) => (a.userId < b.userId ? -1 : 1))
    .map(({ userId, delivered, read }) => [userId, delivered, read]);
}

/** Advances one receipt of a conversation `c`, and gives what it has come to. */
async function advance(
  world: StoreWorld,
  userId: string,
  step: Omit<ReceiptAdvance, "conversationId" | "userId">,
  conversationId = "c",
) {
  const [advanced] = await world.store.conversations.advanceReceipts([{ conversationId, userId, ...step }]);
  return advanced;
}

/** How far members have come. */
export function receiptCases(prove: Case): void {
  prove("begins a membership with everything before it delivered and read", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana");
    await world.join("c", "cy");
    await world.update("c", { historyVisibility: "all" });
    const add = [{ userId: "di", role: "member" as const }];
    await world.changeMembers("c", { add, remove: [], fromStart: true });
    assert.deepEqual(ownOf(await world.row("bo", "c")), { delivered: 1, read: 1, readOrdinal: 0 });
    assert.deepEqual(ownOf(await world.row("cy", "c")), { delivered: 3, read: 3, readOrdinal: 1 });
    assert.deepEqual(ownOf(await world.row("di", "c")), { delivered: 5, read: 5, readOrdinal: 1 });
  });

  prove(
    "mutes a conversation for one member, who alone sees it, until the membership ends",
    async (world) => {
      const other = await world.open();
      const isShared: unknown[] = [];
      for (const [id, members] of [
        ["c", FEW],
        ["d", MANY],
      ] as const) {
        await world.group(id, members);
        const [first, second] = [members[0]!, members[1]!];
        const muteOf = async (userId: string) => (await world.row(userId, id)).mute;
        const before = await world.row(second, id);
        const cursor = await world.store.conversations.position();
        assert.equal(await muteOf(first), undefined);
        const muted = await advance(world, first, { mutedUntil: Number.MAX_SAFE_INTEGER }, id);
        const mute = { version: 1, until: Number.MAX_SAFE_INTEGER };
        assert.deepEqual([muted?.receipt.mute, muted?.moved], [mute, true]);
        isShared.push(muted?.shared);
        assert.deepEqual(await muteOf(first), mute);
        assert.deepEqual(await world.row(second, id), before);
        assert.deepEqual(
          (await other.conversations.receiptChanges(id, cursor)).map((receipt) => [
            receipt.userId,
            receipt.mute,
          ]),
          [[first, mute]],
        );
        assert.deepEqual(
          (await world.changesSince(first, cursor)).rows.map((row) => row.mute),
          [mute],
        );
        assert.equal(
          (await advance(world, first, { mutedUntil: Number.MAX_SAFE_INTEGER }, id))?.moved,
          false,
        );
        // What the member says, reads and marks leaves it as it is.
        await world.say(id, first);
        await world.say(id, second);
        await advance(world, first, { read: { messageId: 3, ordinal: 2 } }, id);
        assert.deepEqual(await muteOf(first), mute);
        await advance(world, first, { mutedUntil: 7 }, id);
        assert.deepEqual(await muteOf(first), { version: 2, until: 7 });
        await advance(world, first, { mutedUntil: 7, mentionsMuted: true }, id);
        assert.deepEqual(await muteOf(first), { version: 3, until: 7, mentionsMuted: true });
        const again = await advance(world, first, { mutedUntil: 7, mentionsMuted: true }, id);
        assert.deepEqual([again?.receipt.mute?.version, again?.moved], [3, false]);
        await advance(world, first, { mutedUntil: Number.MAX_SAFE_INTEGER, mentionsMuted: true }, id);
        const all = { version: 4, until: Number.MAX_SAFE_INTEGER, mentionsMuted: true };
        assert.deepEqual(await muteOf(first), all);
        await advance(world, first, { mutedUntil: 0, mentionsMuted: true }, id);
        assert.deepEqual(await muteOf(first), { version: 5 });
      }
      assert.deepEqual(isShared, [false, false]);
      await advance(world, "bo", { mutedUntil: 7 });
      await world.leave("c", "bo");
      await world.join("c", "bo");
      assert.equal((await world.row("bo", "c")).mute, undefined);
    },
  );

  prove("moves watermarks on and never back, and says whether it did", async (world) => {
    await world.group("c", FEW);
    for (const _ of numbers(1, 5)) await world.say("c", "ana");
    const step = async (of: Omit<ReceiptAdvance, "conversationId" | "userId">) => {
      const advanced = await advance(world, "bo", of);
      const { delivered, read, readOrdinal } = ownOf(await world.row("bo", "c"));
      assert.deepEqual(advanced?.receipt, { delivered, read, readOrdinal });
      return [advanced?.moved, delivered, read, readOrdinal];
    };
    assert.deepEqual(await step({ delivered: 4 }), [true, 4, 1, 0]);
    assert.deepEqual(await step({ delivered: 3 }), [false, 4, 1, 0]);
    assert.deepEqual(await step({ read: { messageId: 3, ordinal: 2 } }), [true, 4, 3, 2]);
    assert.deepEqual(await step({ read: { messageId: 2, ordinal: 1 } }), [false, 4, 3, 2]);
    assert.deepEqual(await step({ read: { messageId: 6, ordinal: 5 } }), [true, 6, 6, 5]);
    assert.deepEqual(await step({ delivered: 5, read: { messageId: 1, ordinal: 0 } }), [false, 6, 6, 5]);
    assert.deepEqual(await step({}), [false, 6, 6, 5]);
    assert.deepEqual(ownOf(await world.row("cy", "c")), { delivered: 1, read: 1, readOrdinal: 0 });
  });

  prove("raises the sender's with every message, in the commit that stores it", async (world) => {
    await world.group("c", FEW);
    await world.say("c", "ana");
    await world.say("c", "bo");
    await world.join("c", "di");
    assert.deepEqual(ownOf(await world.row("ana", "c")), { delivered: 2, read: 2, readOrdinal: 1 });
    assert.deepEqual(ownOf(await world.row("bo", "c")), { delivered: 3, read: 3, readOrdinal: 2 });
    const drafts = numbers(1, 3).map((index) =>
      world.draft("c", index === 2 ? "bo" : "ana", { membershipVersion: 4 }),
    );
    await world.append(drafts);
    assert.deepEqual(ownOf(await world.row("ana", "c")), { delivered: 7, read: 7, readOrdinal: 5 });
    assert.deepEqual(ownOf(await world.row("bo", "c")), { delivered: 6, read: 6, readOrdinal: 4 });
    await world.append([drafts[0]!]);
    assert.deepEqual(ownOf(await world.row("ana", "c")), { delivered: 7, read: 7, readOrdinal: 5 });
  });

  prove("moves nothing of anybody who is no member", async (world) => {
    await world.group("c", FEW);
    await world.say("c", "ana");
    await world.leave("c", "cy");
    assert.equal(await advance(world, "cy", { delivered: 2 }), undefined);
    assert.equal(await advance(world, "stranger", { delivered: 2 }), undefined);
    assert.equal(await advance(world, "ana", { delivered: 2 }, "nowhere"), undefined);
    assert.deepEqual(
      ownOf(await world.row("cy", "c")),
      { delivered: 2, read: 2, readOrdinal: 1 },
      "nothing of a former membership is unread",
    );
    assert.deepEqual(othersOf(await world.row("ana", "c")), [["bo", 1, 1]]);
  });

  prove("begins anew with a new membership", async (world) => {
    await world.group("c", FEW);
    await world.say("c", "ana");
    await advance(world, "bo", { mark: { version: 0, from: { messageId: 2, ordinal: 0 } } });
    await world.leave("c", "bo");
    await world.say("c", "ana");
    await world.join("c", "bo");
    assert.deepEqual(ownOf(await world.row("bo", "c")), { delivered: 5, read: 5, readOrdinal: 2 });
    assert.equal((await advance(world, "bo", { delivered: 4 }))?.moved, false);
  });

  prove("keeps a mark beside the watermarks, by its version", async (world) => {
    await world.group("c", FEW);
    for (const _ of numbers(1, 4)) await world.say("c", "ana");
    await advance(world, "bo", { read: { messageId: 5, ordinal: 4 } });
    const from = { messageId: 3, ordinal: 1 };
    const watermarks = { delivered: 5, read: 5, readOrdinal: 4 };
    const marked = { ...watermarks, unread: { version: 1, from: 3, ordinal: 1 } };
    assert.deepEqual((await advance(world, "bo", { mark: { version: 0, from } }))?.receipt, marked);
    assert.deepEqual(ownOf(await world.row("bo", "c")), marked);
    const late = { version: 0, from: { messageId: 2, ordinal: 0 } };
    assert.deepEqual(await advance(world, "bo", { mark: late }), {
      receipt: marked,
      shownRead: 5,
      moved: false,
      shared: true,
    });
    assert.deepEqual((await advance(world, "bo", { mark: { version: 1, from } }))?.moved, false);
    assert.deepEqual((await advance(world, "bo", { read: from }))?.receipt, marked);
    const cleared = await advance(world, "bo", { mark: { version: 1 } });
    assert.deepEqual(cleared?.receipt, { ...watermarks, unread: { version: 2 } });
    assert.deepEqual(ownOf(await world.row("bo", "c")), cleared?.receipt);
    assert.equal((await advance(world, "bo", { mark: { version: 2 } }))?.moved, false);
  });

  prove("takes the sender's mark off with a message", async (world) => {
    await world.group("c", FEW);
    await world.say("c", "ana");
    const mark = { version: 0, from: { messageId: 2, ordinal: 0 } };
    await advance(world, "bo", { mark });
    await world.say("c", "ana");
    assert.deepEqual((await world.row("bo", "c")).unread, { version: 1, from: 2, ordinal: 0 });
    await world.say("c", "bo");
    assert.deepEqual((await world.row("bo", "c")).unread, { version: 2 });
    await world.say("c", "bo");
    assert.deepEqual((await world.row("bo", "c")).unread, { version: 2 });
  });

  prove("shows all members of a small conversation how far the others have come", async (world) => {
    await world.group("c", FEW);
    const { cursor } = await world.list("ana");
    const before = await world.row("ana", "c");
    await world.say("c", "ana");
    const advanced = await advance(world, "bo", { delivered: 2 });
    assert.deepEqual([advanced?.moved, advanced?.shared], [true, true]);
    const after = await world.row("ana", "c");
    assert.deepEqual(othersOf(before), [
      ["bo", 1, 1],
      ["cy", 1, 1],
    ]);
    assert.deepEqual(othersOf(after), [
      ["bo", 2, 1],
      ["cy", 1, 1],
    ]);
    assert.ok(after.version > before.version);
    assert.deepEqual(othersOf(await world.row("bo", "c")), [
      ["ana", 2, 2],
      ["cy", 1, 1],
    ]);
    const { rows } = await world.changesSince("ana", cursor);
    assert.deepEqual(rows, [after]);
    assert.deepEqual((await world.list("ana")).rows, [after]);
    const told = await world.store.conversations.rows("c", ["ana"]);
    assert.deepEqual(told.get("ana"), after);
  });

  prove("changes no order of the list, and nothing for an advance that moves nothing", async (world) => {
    for (const conversationId of ["a", "b"]) await world.group(conversationId, FEW);
    await world.say("a", "ana");
    await world.say("b", "ana");
    const { cursor } = await world.list("ana");
    await advance(world, "bo", { delivered: 2 }, "a");
    const moved = await world.changesSince("ana", cursor);
    assert.deepEqual(
      moved.rows.map(({ conversationId }) => conversationId),
      ["a"],
    );
    assert.deepEqual(
      (await world.list("ana")).rows.map(({ conversationId }) => conversationId),
      ["b", "a"],
    );
    await advance(world, "bo", { delivered: 2 }, "a");
    assert.deepEqual((await world.changesSince("ana", moved.cursor)).rows, []);
  });

  prove("changes only the member's own row of a large conversation", async (world) => {
    await world.group("c", MANY);
    const [first, second] = [MANY[0]!, MANY[1]!];
    await world.say("c", first);
    const { cursor } = await world.list(first);
    const before = await world.row(second, "c");
    const advanced = await advance(world, second, { read: { messageId: 2, ordinal: 1 } });
    assert.deepEqual([advanced?.moved, advanced?.shared], [true, false]);
    assert.deepEqual((await world.changesSince(first, cursor)).rows, []);
    const after = await world.row(second, "c");
    assert.ok(after.version > before.version);
    assert.deepEqual((await world.changesSince(second, cursor)).rows, [after]);
    assert.deepEqual(ownOf(after), { delivered: 2, read: 2, readOrdinal: 1 });
    assert.equal(after.receipts, undefined);
    await world.leave("c", MANY[2]!);
    assert.deepEqual((await world.row(first, "c")).receipts?.length, RECEIPT_MEMBERS - 1);
    const last = await advance(world, MANY[3]!, { delivered: 2 });
    assert.equal(last?.shared, true, "with just as many members as are told of each other it is a small one");
    assert.equal((await world.row(MANY[2]!, "c")).receipts, undefined, "a former member is told nothing");
    await world.join("c", "yet another");
    assert.equal((await world.row(first, "c")).receipts, undefined);
  });

  prove("gives the receipts of a conversation page by page, and counts them", async (world) => {
    await world.group("c", MANY);
    const { conversations } = world.store;
    for (const _ of numbers(1, 3)) await world.say("c", MANY[0]!);
    const places = MANY.slice(1).map((userId, index) => ({
      conversationId: "c",
      userId,
      delivered: 2 + (index % 3),
      ...(index % 2 === 0 && { read: { messageId: 2, ordinal: 1 } }),
    }));
    await conversations.advanceReceipts(places);
    const found: unknown[] = [];
    for (let page: string | undefined; ;) {
      const { items, next } = await conversations.receipts("c", { limit: 2, ...(page && { page }) });
      assert.ok(items.length <= 2);
      found.push(...items);
      if (next === undefined) break;
      page = next;
    }
    const all = places.map(({ userId, delivered, read }) => ({
      userId,
      delivered,
      read: read?.messageId ?? 1,
    }));
    assert.deepEqual(found, [{ userId: MANY[0]!, delivered: 4, read: 4 }, ...all]);
    for (const messageId of numbers(1, 5)) {
      const counts = await conversations.countReceipts("c", messageId);
      const those = [{ delivered: 4, read: 4 }, ...all];
      assert.deepEqual(counts, {
        members: MANY.length,
        delivered: those.filter(({ delivered }) => delivered >= messageId).length,
        read: those.filter(({ read }) => read >= messageId).length,
      });
    }
    assert.deepEqual(await conversations.countReceipts("nowhere", 1), { members: 0, delivered: 0, read: 0 });
  });

  prove("tells the store-wide feed whose receipts have moved", async (world) => {
    for (const conversationId of ["a", "b", "c"]) await world.group(conversationId, MANY);
    const { conversations } = world.store;
    const start = await conversations.position();
    await world.say("b", MANY[0]!);
    await advance(world, MANY[1]!, { delivered: 2 }, "b");
    const middle = await conversations.position();
    await advance(world, MANY[2]!, { mark: { version: 0, from: { messageId: 2, ordinal: 0 } } }, "b");
    await world.say("c", MANY[0]!);
    const moved = async (cursor: string) =>
      (await conversations.changes({ limit: 10, cursor })).conversations.map(
        ({ conversationId, receiptsMoved }) => [conversationId, receiptsMoved],
      );
    assert.deepEqual((await moved(start)).sort(), [
      ["b", true],
      ["c", false],
    ]);
    const since = async (cursor: string) =>
      [...(await conversations.receiptChanges("b", cursor))].sort((a, b) => (a.userId < b.userId ? -1 : 1));
    const second = { userId: MANY[1]!, delivered: 2, read: 1, shownRead: 1, readOrdinal: 0 };
    const unread = { version: 1, from: 2, ordinal: 0 };
    const third = { userId: MANY[2]!, delivered: 1, read: 1, shownRead: 1, readOrdinal: 0, unread };
    assert.deepEqual(await since(start), [second, third]);
    assert.deepEqual(await since(middle), [third]);
    assert.deepEqual(await since(await conversations.position()), []);
    await assertRefused(conversations.receiptChanges("b", "x"), "cursor_invalid");
  });

  prove("keeps the highest of what two stores are told at once", async (world) => {
    const other = await world.open();
    for (const conversationId of ["a", "b"]) await world.group(conversationId, FEW);
    for (const _ of numbers(1, 20)) await world.append(["a", "b"].map((id) => world.draft(id, "ana")));
    const advanced = await Promise.all(
      numbers(2, 21).map((messageId) => {
        const { conversations } = messageId % 2 === 0 ? world.store : other;
        const read = { messageId: 23 - messageId, ordinal: 22 - messageId };
        return conversations.advanceReceipts([
          { conversationId: "a", userId: "bo", delivered: messageId },
          { conversationId: "b", userId: "bo", read },
        ]);
      }),
    );
    assert.ok(advanced.every(([a, b]) => a !== undefined && b !== undefined));
    for (const { conversations } of [world.store, other]) {
      const a = await conversations.row("bo", "a");
      const b = await conversations.row("bo", "b");
      assert.deepEqual(a && ownOf(a), { delivered: 21, read: 1, readOrdinal: 0 });
      assert.deepEqual(b && ownOf(b), { delivered: 21, read: 21, readOrdinal: 20 });
    }
  });

  prove("advances the same receipt twice in one call, in their order", async (world) => {
    await world.group("c", FEW);
    for (const _ of numbers(1, 3)) await world.say("c", "ana");
    const { conversations } = world.store;
    const [first, second] = await conversations.advanceReceipts([
      { conversationId: "c", userId: "bo", delivered: 2 },
      { conversationId: "c", userId: "bo", delivered: 3 },
    ]);
    assert.deepEqual([first?.receipt.delivered, second?.receipt.delivered], [2, 3]);
    assert.deepEqual(await conversations.advanceReceipts([]), []);
  });
}
