import assert from "node:assert/strict";
import type { ReceiptAdvance } from "../../store/conversation-store.js";
import type { StoredEntry } from "../../store/stored-entry.js";
import type { Case } from "./case.js";
import { assertRefused, entryOf, numbers, type StoreWorld, uuid } from "../store-world.js";

/** Everything that was stored since a cursor, page by page. */
async function logSince(
  world: StoreWorld,
  limit: number,
  after?: string,
): Promise<{ readonly entries: StoredEntry[]; readonly cursor: string }> {
  const entries: StoredEntry[] = [];
  for (let cursor = after; ;) {
    const page = await world.store.housekeeping.log({ limit, ...(cursor !== undefined && { cursor }) });
    entries.push(...page.entries);
    cursor = page.cursor;
    if (!page.more) return { entries, cursor };
  }
}

/** The contract of {@link Housekeeping}. */
export function housekeepingCases(prove: Case): void {
  prove("names the conversations that a user is or was in, by id, page by page", async (world) => {
    for (const id of ["a", "b", "c", "d"]) await world.group(id, id === "b" ? ["bo"] : ["ana", "bo"]);
    await world.leave("c", "ana");
    const { housekeeping } = world.store;
    const first = await housekeeping.conversationsOf("ana", { limit: 2 });
    assert.deepEqual(first.items, ["a", "c"]);
    const second = await housekeeping.conversationsOf("ana", { limit: 2, page: first.next! });
    assert.deepEqual(second, { items: ["d"] });
    assert.deepEqual(await housekeeping.conversationsOf("nobody", { limit: 2 }), { items: [] });
  });

  prove(
    "remembers an erasure from its beginning to its end, also for who opens the store next",
    async (world) => {
      const { housekeeping } = world.store;
      const [one, two] = [uuid(), uuid()];
      assert.equal(await housekeeping.beginErasure("ana", one), one);
      assert.equal(await housekeeping.beginErasure("ana", two), one, "the one under way goes on");
      const other = await world.open();
      assert.deepEqual(await other.housekeeping.erasures(), [{ userId: "ana", erasureId: one }]);
      await world.store.conversations.setLastActive([{ userId: "ana", at: 7 }]);
      await world.store.conversations.setInvisible("bo", true);
      await housekeeping.endErasure("ana");
      assert.deepEqual(await housekeeping.erasures(), []);
      assert.deepEqual([...(await world.store.conversations.presences(["ana", "bo"])).keys()], ["bo"]);
      assert.equal(await housekeeping.beginErasure("ana", two), two);
    },
  );

  prove("prunes the oldest entries, by id and by age, and moves firstId up", async (world) => {
    await world.group("c", ["ana", "bo"]);
    for (const _ of numbers(1, 6)) await world.say("c", "ana");
    const log = await world.log("c");
    const { housekeeping, conversations, messages } = world.store;
    const { cursor } = await world.list("bo");
    const none = { conversationId: "c", keepSince: 0, limit: 2 };
    assert.equal(await housekeeping.prune({ ...none, keepFrom: 4 }), 2);
    assert.equal(await housekeeping.prune({ ...none, keepFrom: 4 }), 1);
    assert.equal(await housekeeping.prune({ ...none, keepFrom: 4 }), 0);
    assert.deepEqual(await world.log("c"), log.slice(3));
    const { createdAt } = log[5]!;
    assert.equal(await housekeeping.prune({ ...none, keepFrom: 0, keepSince: createdAt, limit: 9 }), 2);
    assert.deepEqual(await world.log("c"), log.slice(5));
    assert.equal((await world.row("bo", "c")).firstId, 6);
    assert.equal((await conversations.participation("bo", "c"))?.firstId, 6);
    assert.equal((await messages.heads(["c"])).get("c")?.firstId, 6);
    const { rows } = await world.changesSince("bo", cursor);
    assert.deepEqual(
      rows.map(({ head, firstId }) => [head, firstId]),
      [[7, 6]],
    );
    assert.equal((await world.say("c", "ana")).messageId, 8, "ids go on");
  });

  prove("counts as unread only what it still has, and says in the feed that it has pruned", async (world) => {
    await world.group("c", ["ana", "bo"]);
    for (const _ of numbers(1, 6)) await world.say("c", "ana");
    const { housekeeping, conversations } = world.store;
    const advance = (step: Partial<ReceiptAdvance>) =>
      conversations.advanceReceipts([{ conversationId: "c", userId: "bo", ...step }]);
    await advance({ mark: { version: 0, from: { messageId: 3, ordinal: 1 } } });
    const unread = async (): Promise<unknown> => {
      const { read, readOrdinal, headOrdinal, unread } = await world.row("bo", "c");
      return [read, headOrdinal - readOrdinal, unread!.version, unread!.from, headOrdinal - unread!.ordinal!];
    };
    const pruned = async (cursor: string): Promise<unknown> =>
      (await conversations.changes({ limit: 5, cursor })).conversations.map(({ pruned }) => pruned);
    assert.deepEqual(await unread(), [1, 6, 1, 3, 5]);
    const before = await conversations.position();
    const none = { conversationId: "c", keepSince: 0, limit: 99 };
    await housekeeping.prune({ ...none, keepFrom: 6 });
    const after = await conversations.position();
    assert.deepEqual(await unread(), [1, 2, 2, 6, 2]);
    await advance({ read: { messageId: 3, ordinal: 2 } });
    assert.deepEqual(await unread(), [3, 2, 2, 6, 2], "what is read of it counts no less");
    assert.deepEqual([await pruned(before), await pruned(after)], [[true], [false]]);
    await housekeeping.prune({ ...none, keepFrom: 99 });
    assert.deepEqual(await unread(), [3, 0, 3, 8, 0]);
    await world.say("c", "ana");
    assert.deepEqual(await unread(), [3, 1, 3, 8, 1]);
    const { receipt } = (await advance({ read: { messageId: 8, ordinal: 7 } }))[0]!;
    assert.equal(receipt.readOrdinal, 7);
  });

  prove("tells former members of what it prunes, with what changed in their list", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana", { text: "secret" });
    await world.leave("c", "bo");
    const { cursor } = await world.list("bo");
    const hears = async (): Promise<unknown> =>
      (await world.changesSince("bo", cursor)).rows.map((row) => [row.member, row.firstId, row.latest]);
    assert.deepEqual(await hears(), []);
    await world.say("c", "ana");
    assert.deepEqual(await hears(), [], "of what is said since they hear nothing");
    await world.store.housekeeping.prune({ conversationId: "c", keepFrom: 3, keepSince: 0, limit: 99 });
    assert.deepEqual(await hears(), [[false, 3, undefined]]);
  });

  prove("prunes everything, the snippet too, and goes on from there", async (world) => {
    await world.group("c", ["ana"]);
    const draft = world.draft("c", "ana", { text: "secret" });
    await world.stored(draft);
    const last = await world.say("c", "ana", { text: "secret" });
    const pruned = await world.store.housekeeping.prune({
      conversationId: "c",
      keepFrom: 99,
      keepSince: 0,
      limit: 99,
    });
    assert.equal(pruned, 3);
    const row = await world.row("ana", "c");
    assert.deepEqual([row.head, row.firstId, row.latest], [3, 4, undefined]);
    assert.equal(row.headFingerprint, last.fingerprint);
    const next = await world.say("c", "ana");
    assert.deepEqual([next.messageId, next.ordinal], [4, 3]);
    const [again] = await world.append([draft]);
    assert.equal(again?.status, "duplicate", "the key stays taken");
    const known = { messageId: 2, ordinal: 0, fingerprint: 0, redacted: true };
    for (const entry of [entryOf(again), await world.store.messages.find(draft)]) {
      const { messageId, ordinal, fingerprint, redacted } = entry!;
      assert.deepEqual({ messageId, ordinal, fingerprint, redacted }, known);
    }
  });

  prove("keeps a conversation's own retention, and finds who has one", async (world) => {
    for (const id of ["a", "b", "c"]) await world.group(id, ["ana"]);
    const { conversations, housekeeping } = world.store;
    await conversations.reserve({ conversationId: "d", type: "group", creatorId: "ana", createdAt: 7 });
    const own = { age: 1_000, count: 5 };
    await housekeeping.setRetention("b", own);
    const all = await housekeeping.retentionCandidates({ own: false, limit: 2 });
    assert.equal(all.items.length, 2);
    const rest = await housekeeping.retentionCandidates({ own: false, limit: 2, page: all.next! });
    assert.deepEqual(rest.items.length, 1, "without entries there is nothing to lose");
    assert.deepEqual(
      [...all.items, ...rest.items].map(({ conversationId, retention }) => [conversationId, retention]),
      [
        ["a", undefined],
        ["b", own],
        ["c", undefined],
      ],
    );
    const mine = async (): Promise<unknown> =>
      (await housekeeping.retentionCandidates({ own: true, limit: 9 })).items;
    assert.deepEqual(await mine(), [{ conversationId: "b", head: 1, firstId: 1, retention: own }]);
    await housekeeping.setRetention("b", undefined);
    assert.deepEqual(await mine(), []);
    await assertRefused(housekeeping.setRetention("nowhere", own), "not_found");
  });

  prove("logs what every commit stored, once and in order, from any cursor on", async (world) => {
    await world.group("a", ["ana"]);
    await world.group("b", ["ana"]);
    await world.append(numbers(1, 20).map((number) => world.draft(number % 3 === 0 ? "b" : "a", "ana")));
    const half = await logSince(world, 3);
    const other = await world.open();
    await world.say("a", "ana", {}, other);
    await world.say("b", "ana");
    const rest = await logSince(world, 1, half.cursor);
    const all = (await logSince(world, 100)).entries;
    assert.deepEqual([...half.entries, ...rest.entries], all);
    assert.equal(rest.entries.length, 2);
    for (const id of ["a", "b"]) {
      assert.deepEqual(
        all.filter(({ conversationId }) => conversationId === id),
        await world.log(id),
      );
    }
    assert.deepEqual((await logSince(world, 5, rest.cursor)).entries, []);
    const page = await world.store.housekeeping.log({ limit: 1, cursor: half.cursor });
    assert.deepEqual(page.entries, rest.entries.slice(0, 1));
    const again = await world.store.housekeeping.log({ limit: 1, cursor: page.start });
    assert.deepEqual(again.entries, page.entries, "its start is the position before its entries");
    await assertRefused(world.store.housekeeping.log({ limit: 1, cursor: "none" }), "cursor_invalid");
  });

  prove("logs entries as they are now", async (world) => {
    await world.group("c", ["ana"]);
    await world.say("c", "ana", { text: "secret" });
    await world.redact("c", { messageId: 2 });
    await world.store.housekeeping.prune({ conversationId: "c", keepFrom: 2, keepSince: 0, limit: 9 });
    assert.deepEqual((await logSince(world, 9)).entries, await world.log("c"));
  });

  prove("purges while others read and write", async (world) => {
    await world.group("c", ["ana"]);
    await Promise.all([
      world.store.housekeeping.purge(),
      world.say("c", "ana"),
      world.log("c"),
      world.store.housekeeping.purge(),
    ]);
    assert.equal((await world.log("c")).length, 2);
    assert.equal((await logSince(world, 9)).entries.length, 2);
  });
}
