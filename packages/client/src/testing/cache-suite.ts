import assert from "node:assert/strict";
import { type ConversationRow, type Entry, isUuid } from "@chat/protocol";
import type { Cache, CachedConversation, CacheReadQuery, OutboxItem } from "../cache/cache.js";

/** A place of its own for one cache, empty at first. */
export interface CachePlace {
  /** Opens the cache that lives here; after it was closed, again. */
  open(): Cache | Promise<Cache>;
}

const ALL: CacheReadQuery = { after: 0, before: Infinity, limit: Infinity, order: "ascending" };

function row(conversationId: string, head = 0): ConversationRow {
  return {
    conversationId,
    type: "group",
    version: 9,
    activity: 7,
    head,
    headFingerprint: 11,
    headOrdinal: head,
    firstId: 1,
    memberCount: 2,
    member: true,
    role: "owner",
    joinedAt: 1,
    visibleFrom: 1,
    createdAt: 1_700_000_000_000,
    delivered: head,
    read: head,
    readOrdinal: head,
  };
}

function conversation(conversationId: string, head = 0): CachedConversation {
  return { row: row(conversationId, head), ranges: head === 0 ? [] : [{ from: 1, to: head }] };
}

function entry(messageId: number, text = `text ${messageId}`): Entry {
  return {
    messageId,
    senderId: "ana",
    createdAt: 1_700_000_000_000,
    ordinal: messageId,
    fingerprint: 5,
    text,
  };
}

function entries(from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));
}

function item(sequence: number, clientMessageId = `item-${sequence}`): OutboxItem {
  return { clientMessageId, conversationId: "a", sequence, text: "hi", createdAt: 1_700_000_000_000 };
}

/** No storage can keep it, as it can't be read: neither a structured clone nor JSON gets by it. */
function unstorable<T extends object>(value: T): T {
  return Object.defineProperty({ ...value }, "data", {
    enumerable: true,
    get() {
      throw new Error("unstorable");
    },
  });
}

/** What the suite needs of a test runner: that of vitest fits, of jest and of node:test. */
export interface SuiteApi {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>, timeout?: number): unknown;
}

/**
 * Proves that a {@link Cache} keeps its contract.
 * @param api where its cases are to be registered
 * @param name of the cache, for the report
 * @param factory makes a new, empty place; called once for each case
 */
export function cacheSuite(
  { describe, it: register }: SuiteApi,
  name: string,
  factory: () => CachePlace | Promise<CachePlace>,
): void {
  describe(`Cache contract: ${name}`, () => {
    const opened: Cache[] = [];

    function it(title: string, body: () => Promise<void>, timeout?: number): void {
      const run = async (): Promise<void> => {
        try {
          await body();
        } finally {
          for (const cache of opened.splice(0)) await cache.close();
        }
      };
      register(title, run, ...(timeout === undefined ? [] : [timeout]));
    }

    async function open(place?: CachePlace): Promise<Cache> {
      const cache = await (place ?? (await factory())).open();
      opened.push(cache);
      return cache;
    }

    async function ids(cache: Cache, conversationId: string, query: Partial<CacheReadQuery> = {}) {
      return (await cache.read(conversationId, { ...ALL, ...query })).map((found) => found.messageId);
    }

    /** Everything that is kept, in a form that can be compared. */
    async function contents(cache: Cache) {
      const { meta, conversations, outbox, users } = await cache.load();
      const byId = [...conversations].sort((a, b) => (a.row.conversationId < b.row.conversationId ? -1 : 1));
      const log: Record<string, readonly Entry[]> = {};
      for (const id of ["a", "b", "c"]) log[id] = await cache.read(id, ALL);
      return {
        meta,
        conversations: byId,
        outbox,
        users: [...users].sort((a, b) => (a.userId < b.userId ? -1 : 1)),
        log,
      };
    }

    const privacy = { version: 2, typing: false, readReceipts: true, blocked: ["bo"] };

    /** Something of everything. */
    async function fill(cache: Cache): Promise<void> {
      await cache.commit(
        {
          meta: { epoch: "epoch-1", cursor: "cursor-1", privacy },
          conversations: [conversation("a", 3), conversation("b", 2)],
          entries: [
            { conversationId: "a", entries: entries(1, 3) },
            { conversationId: "b", entries: entries(1, 2) },
          ],
          putOutbox: [item(1), item(2)],
          users: [{ userId: "ana", version: 1, name: "Ana" }],
        },
        "strict",
      );
    }

    describe("load", () => {
      it("makes a device id of an empty cache, and finds nothing else", async () => {
        const cache = await open();
        const { deviceId } = (await cache.load()).meta;
        assert.strictEqual(isUuid(deviceId), true);
        assert.deepStrictEqual(await cache.load(), {
          meta: { deviceId },
          conversations: [],
          outbox: [],
          users: [],
        });
      });

      it("gives every place a device id of its own", async () => {
        const [one, other] = [await open(), await open()];
        assert.notStrictEqual((await one.load()).meta.deviceId, (await other.load()).meta.deviceId);
        const before = await contents(other);
        await fill(one);
        assert.deepStrictEqual(await contents(other), before, "what one place holds is in another, too");
      });

      it("sees the commits that were called before it", async () => {
        const cache = await open();
        await cache.load();
        const committed = cache.commit({ putOutbox: [item(1)] }, "relaxed");
        assert.deepStrictEqual((await cache.load()).outbox, [item(1)]);
        await committed;
      });
    });

    describe("what is kept", () => {
      it("merges meta field by field", async () => {
        const cache = await open();
        const { deviceId } = (await cache.load()).meta;
        await cache.commit({ meta: { epoch: "one" } }, "relaxed");
        assert.deepStrictEqual((await cache.load()).meta, { deviceId, epoch: "one" });
        await cache.commit({ meta: { cursor: "x" } }, "relaxed");
        await cache.commit({ meta: { epoch: "two" } }, "relaxed");
        assert.deepStrictEqual((await cache.load()).meta, { deviceId, epoch: "two", cursor: "x" });
      });

      it("replaces a conversation's row and ranges as a whole", async () => {
        const cache = await open();
        const first: CachedConversation = {
          row: { ...row("a", 9), name: "A", data: { order: [1, { two: null }] } },
          ranges: [
            { from: 1, to: 3 },
            { from: 7, to: 9 },
          ],
          obeyed: 8,
          ackedRead: 3,
          mark: { version: 2, from: 3 },
        };
        await cache.commit({ conversations: [first, conversation("b")] }, "relaxed");
        assert.deepStrictEqual((await contents(cache)).conversations, [first, conversation("b")]);
        await cache.commit({ conversations: [conversation("a", 4)] }, "relaxed");
        assert.deepStrictEqual((await contents(cache)).conversations, [
          conversation("a", 4),
          conversation("b"),
        ]);
      });

      it("gives entries back as they were, with and without their optional fields", async () => {
        const cache = await open();
        const { text: _text, ...bare } = entry(1);
        const full: Entry = {
          ...entry(2, "žluťoučký \u{1f40e}"),
          kind: "x-poll",
          data: { nested: { list: [1.5, "two", true, null, {}] }, "": -0.25 },
          replyTo: 1,
          clientMessageId: "00000000-0000-4000-8000-000000000000",
        };
        await cache.commit({ entries: [{ conversationId: "a", entries: [bare, full] }] }, "relaxed");
        assert.deepStrictEqual(await cache.read("a", ALL), [bare, full]);
      });

      it("replaces an entry of the same id", async () => {
        const cache = await open();
        await cache.commit({ entries: [{ conversationId: "a", entries: entries(1, 3) }] }, "relaxed");
        await cache.commit({ entries: [{ conversationId: "a", entries: [entry(2, "new")] }] }, "relaxed");
        assert.deepStrictEqual(await cache.read("a", ALL), [entry(1), entry(2, "new"), entry(3)]);
        const full: Entry = { ...entry(3), data: { secret: 1 }, replyTo: 1, mentions: ["bo"] };
        await cache.commit({ entries: [{ conversationId: "a", entries: [full] }] }, "relaxed");
        const { text: _, ...bare } = entry(3);
        const wiped: Entry = { ...bare, redacted: true };
        await cache.commit({ entries: [{ conversationId: "a", entries: [wiped] }] }, "relaxed");
        assert.deepStrictEqual(
          await cache.read("a", ALL),
          [entry(1), entry(2, "new"), wiped],
          "nothing is left of the entry that was replaced",
        );
      });

      it("lists the outbox by sequence, however it was put", async () => {
        const cache = await open();
        await cache.commit({ putOutbox: [item(10, "a"), item(2, "c")] }, "strict");
        await cache.commit({ putOutbox: [item(1, "d"), item(3, "b")] }, "strict");
        assert.deepStrictEqual(
          (await cache.load()).outbox.map(({ sequence }) => sequence),
          [1, 2, 3, 10],
        );
      });

      it("keeps every field of an outbox item, and replaces and removes it by clientMessageId", async () => {
        const cache = await open();
        const full: OutboxItem = { ...item(1), kind: "x-poll", data: { a: [1] }, replyTo: 4 };
        await cache.commit({ putOutbox: [full, item(2), item(3)] }, "strict");
        assert.deepStrictEqual((await cache.load()).outbox, [full, item(2), item(3)]);
        const failed: OutboxItem = { ...item(2), failure: { code: "forbidden", message: "No." } };
        await cache.commit({ putOutbox: [failed], removeOutbox: ["item-1", "unknown"] }, "strict");
        assert.deepStrictEqual((await cache.load()).outbox, [failed, item(3)]);
        const again: OutboxItem = { ...item(2), sequence: 9 };
        await cache.commit({ putOutbox: [again] }, "strict");
        assert.deepStrictEqual((await cache.load()).outbox, [item(3), again], "it replaces the failed one");
      });

      it("replaces users by userId", async () => {
        const cache = await open();
        const bo = { userId: "bo", version: 3, avatarUrl: "https://example.test/bo.png", data: { age: 3 } };
        await cache.commit({ users: [{ userId: "ana", version: 1, name: "Ana" }, bo] }, "relaxed");
        await cache.commit({ users: [{ userId: "ana", version: 2 }] }, "relaxed");
        assert.deepStrictEqual((await contents(cache)).users, [{ userId: "ana", version: 2 }, bo]);
      });
    });

    describe("read", () => {
      async function filled(): Promise<Cache> {
        const cache = await open();
        // Not in order, with a hole, and beside conversations whose ids are near.
        await cache.commit(
          {
            entries: [
              { conversationId: "room", entries: [...entries(9, 12), ...entries(1, 5)] },
              { conversationId: "roo", entries: entries(1, 20) },
              { conversationId: "room ", entries: entries(1, 20) },
              { conversationId: "room2", entries: entries(1, 20) },
              { conversationId: "Room", entries: entries(1, 20) },
            ],
          },
          "relaxed",
        );
        return cache;
      }

      it("answers in numeric order of messageId, for one conversation", async () => {
        const cache = await filled();
        assert.deepStrictEqual(await ids(cache, "room"), [1, 2, 3, 4, 5, 9, 10, 11, 12]);
        assert.deepStrictEqual(await ids(cache, "unknown"), []);
        assert.deepStrictEqual(await cache.read("room", ALL), [...entries(1, 5), ...entries(9, 12)]);
      });

      it("excludes both bounds", async () => {
        const cache = await filled();
        for (const order of ["ascending", "descending"] as const) {
          assert.deepStrictEqual(await ids(cache, "room", { after: 2, before: 10, order }), [3, 4, 5, 9]);
          assert.deepStrictEqual(await ids(cache, "room", { after: 5, before: 9, order }), []);
          assert.deepStrictEqual(await ids(cache, "room", { after: 4, before: 5, order }), []);
          assert.deepStrictEqual(await ids(cache, "room", { after: 5, before: 5, order }), []);
          assert.deepStrictEqual(await ids(cache, "room", { after: 9, before: 2, order }), []);
          assert.deepStrictEqual(await ids(cache, "room", { after: 12, order }), []);
        }
      });

      it("takes `limit` entries from the end that `order` names, and answers ascending", async () => {
        const cache = await filled();
        const ascending = (limit: number) => ids(cache, "room", { after: 1, before: 12, limit });
        const descending = (limit: number) =>
          ids(cache, "room", { after: 1, before: 12, limit, order: "descending" });
        assert.deepStrictEqual(await ascending(1), [2]);
        assert.deepStrictEqual(await descending(1), [11]);
        assert.deepStrictEqual(await ascending(5), [2, 3, 4, 5, 9]);
        assert.deepStrictEqual(await descending(4), [5, 9, 10, 11]);
        for (const enough of [7, 8, Infinity]) {
          assert.deepStrictEqual(await ascending(enough), [2, 3, 4, 5, 9, 10, 11]);
          assert.deepStrictEqual(await descending(enough), [2, 3, 4, 5, 9, 10, 11]);
        }
      });

      it("manages 10,000 entries", async () => {
        const cache = await open();
        await cache.commit(
          { entries: [{ conversationId: "a", entries: entries(5_001, 10_000) }] },
          "relaxed",
        );
        await cache.commit({ entries: [{ conversationId: "a", entries: entries(1, 5_000) }] }, "relaxed");
        assert.deepStrictEqual(await cache.read("a", ALL), entries(1, 10_000));
        assert.deepStrictEqual(
          await cache.read("a", { ...ALL, limit: 50, order: "descending" }),
          entries(9_951, 10_000),
        );
        assert.deepStrictEqual(
          await cache.read("a", { after: 4_000, before: 6_000, limit: 3, order: "descending" }),
          entries(5_997, 5_999),
        );
      }, 30_000);
    });

    describe("removal", () => {
      it("forgets what lies up to an id, before it writes", async () => {
        const cache = await open();
        await cache.commit(
          {
            entries: ["a", "b"].map((conversationId) => ({ conversationId, entries: entries(1, 4) })),
          },
          "relaxed",
        );
        await cache.commit(
          {
            forget: [{ conversationId: "b", through: 3 }],
            entries: [{ conversationId: "b", entries: entries(2, 2) }],
          },
          "relaxed",
        );
        assert.deepStrictEqual(await cache.read("a", ALL), entries(1, 4));
        assert.deepStrictEqual(await cache.read("b", ALL), [entry(2), entry(4)]);
      });

      it("makes tombstones of what it holds and of what it writes, in the same commit", async () => {
        const cache = await open();
        const tombstone = ({ text: _, ...rest }: Entry): Entry => ({ ...rest, redacted: true });
        const others = entries(5, 7).map((other) => ({ ...other, senderId: "bo" }));
        const full: Entry = {
          ...entry(2),
          data: { secret: 1 },
          replyTo: 1,
          mentions: ["bo"],
          kind: "x-a",
          clientMessageId: "k",
        };
        // No message: who came and went stays.
        const joined: Entry = {
          ...entry(3),
          senderId: "bo",
          kind: "members-added",
          data: { members: ["cy"] },
        };
        await cache.commit(
          { entries: [{ conversationId: "a", entries: [entry(1), full, joined] }] },
          "relaxed",
        );
        await cache.commit({ entries: [{ conversationId: "b", entries: entries(1, 3) }] }, "relaxed");
        await cache.commit(
          {
            entries: [{ conversationId: "a", entries: [entry(4), ...others, entry(9)] }],
            redact: [
              { conversationId: "a", messageId: 2, below: 8 },
              { conversationId: "a", messageId: 4, below: 8 },
              { conversationId: "a", messageId: 99, below: 100 },
              { conversationId: "a", userId: "bo", below: 7 },
              { conversationId: "nowhere", userId: "bo", below: 7 },
            ],
          },
          "relaxed",
        );
        const { data: _, replyTo: __, mentions: ___, ...rest } = full;
        assert.deepStrictEqual(await cache.read("a", ALL), [
          entry(1),
          tombstone(rest),
          joined,
          tombstone(entry(4)),
          tombstone(others[0]!),
          tombstone(others[1]!),
          others[2],
          entry(9),
        ]);
        assert.deepStrictEqual(await cache.read("b", ALL), entries(1, 3));
      });

      it("truncates what lies above an id, in that conversation alone", async () => {
        const cache = await open();
        await fill(cache);
        const before = await contents(cache);
        await cache.commit(
          {
            truncate: [
              { conversationId: "a", above: 1 },
              { conversationId: "unknown", above: 0 },
            ],
          },
          "relaxed",
        );
        assert.deepStrictEqual(await contents(cache), { ...before, log: { ...before.log, a: [entry(1)] } });
        await cache.commit({ truncate: [{ conversationId: "b", above: 2 }] }, "relaxed");
        assert.deepStrictEqual(await ids(cache, "b"), [1, 2]);
        await cache.commit({ truncate: [{ conversationId: "b", above: 0 }] }, "relaxed");
        assert.deepStrictEqual(await ids(cache, "b"), []);
      });

      it("removes conversations with their entries, and nothing of others or of the outbox", async () => {
        const cache = await open();
        await fill(cache);
        const before = await contents(cache);
        await cache.commit({ removeConversations: ["a", "unknown"] }, "relaxed");
        assert.deepStrictEqual(await contents(cache), {
          ...before,
          conversations: [conversation("b", 2)],
          log: { ...before.log, a: [] },
        });
      });

      it("forgets by a reset all but the device's id, the privacy and the outbox", async () => {
        const cache = await open();
        await fill(cache);
        const { meta, outbox } = await cache.load();
        await cache.commit({ reset: true }, "relaxed");
        assert.deepStrictEqual(await contents(cache), {
          meta: { deviceId: meta.deviceId, privacy },
          conversations: [],
          outbox,
          users: [],
          log: { a: [], b: [], c: [] },
        });
      });
    });

    describe("commit", () => {
      it("changes nothing when it is empty", async () => {
        const cache = await open();
        await fill(cache);
        const before = await contents(cache);
        await cache.commit({}, "relaxed");
        assert.deepStrictEqual(await contents(cache), before);
      });

      it("applies its steps in the order of the fields", async () => {
        const cache = await open();
        await fill(cache);
        const { deviceId } = (await cache.load()).meta;
        // In another order here, since it is the contract's that counts.
        await cache.commit(
          {
            users: [{ userId: "bo", version: 1 }],
            removeOutbox: ["item-2", "item-3"],
            putOutbox: [item(3), item(4)],
            entries: [
              { conversationId: "a", entries: [entry(8)] },
              { conversationId: "b", entries: [entry(2, "another history"), entry(3)] },
              { conversationId: "c", entries: [entry(1)] },
            ],
            conversations: [conversation("a", 1), conversation("c", 1)],
            truncate: [{ conversationId: "b", above: 0 }],
            removeConversations: ["a", "c"],
            meta: { epoch: "epoch-2" },
            reset: true,
          },
          "strict",
        );
        assert.deepStrictEqual(await contents(cache), {
          meta: { deviceId, epoch: "epoch-2", privacy },
          conversations: [conversation("a", 1), conversation("c", 1)],
          outbox: [item(1), item(4)],
          users: [{ userId: "bo", version: 1 }],
          log: { a: [entry(8)], b: [entry(2, "another history"), entry(3)], c: [entry(1)] },
        });
      });

      it("removes and truncates before it writes, without a reset too", async () => {
        const cache = await open();
        await fill(cache);
        await cache.commit(
          {
            removeConversations: ["a"],
            truncate: [{ conversationId: "b", above: 1 }],
            conversations: [conversation("a", 9)],
            entries: [
              { conversationId: "a", entries: [entry(9)] },
              { conversationId: "b", entries: [entry(3)] },
            ],
          },
          "relaxed",
        );
        const { conversations, log } = await contents(cache);
        assert.deepStrictEqual(conversations, [conversation("a", 9), conversation("b", 2)]);
        assert.deepStrictEqual(log, { a: [entry(9)], b: [entry(1), entry(3)], c: [] });
      });

      for (const durability of ["strict", "relaxed"] as const) {
        it(`leaves nothing of itself when it fails (${durability})`, async () => {
          const cache = await open();
          await fill(cache);
          const before = await contents(cache);
          const failing = cache.commit(
            {
              reset: true,
              meta: { epoch: "epoch-2", cursor: "cursor-2" },
              removeConversations: ["a"],
              truncate: [{ conversationId: "b", above: 0 }],
              conversations: [conversation("c", 1)],
              entries: [{ conversationId: "c", entries: [entry(1)] }],
              putOutbox: [item(3)],
              removeOutbox: ["item-1"],
              users: [{ userId: "bo", version: 1 }, unstorable({ userId: "cy", version: 1 })],
            },
            durability,
          );
          await assert.rejects(failing, { code: "storage_failed" });
          assert.deepStrictEqual(await contents(cache), before);
        });
      }

      it("keeps entries and the ranges that vouch for them together when it fails", async () => {
        const cache = await open();
        await fill(cache);
        const before = await contents(cache);
        const bad = [entry(4), unstorable(entry(5)), entry(6)];
        const failing = cache.commit(
          { conversations: [conversation("a", 6)], entries: [{ conversationId: "a", entries: bad }] },
          "relaxed",
        );
        await assert.rejects(failing, { code: "storage_failed" });
        assert.deepStrictEqual(await contents(cache), before);
      });

      it("fails alone: those called before and after it apply", async () => {
        const cache = await open();
        const put = (...items: OutboxItem[]) => cache.commit({ putOutbox: items }, "relaxed");
        const results = await Promise.allSettled([
          put(item(1)),
          put(item(2), unstorable(item(3))),
          put(item(4)),
        ]);
        assert.deepStrictEqual(
          results.map(({ status }) => status),
          ["fulfilled", "rejected", "fulfilled"],
        );
        assert.deepStrictEqual((await cache.load()).outbox, [item(1), item(4)]);
      });

      it("applies commits in the order in which they were called", async () => {
        const cache = await open();
        const order: number[] = [];
        await Promise.all(
          Array.from({ length: 60 }, async (_, index) => {
            await cache.commit(
              {
                meta: { cursor: `${index}` },
                entries: [{ conversationId: "a", entries: [entry(1, `${index}`)] }],
              },
              index % 3 === 0 ? "strict" : "relaxed",
            );
            order.push(index);
          }),
        );
        assert.deepStrictEqual(
          order,
          Array.from({ length: 60 }, (_, index) => index),
        );
        assert.strictEqual((await cache.load()).meta.cursor, "59");
        assert.deepStrictEqual(await cache.read("a", ALL), [entry(1, "59")]);
      });

      it("is seen by every read that is called after it, before it is done", async () => {
        const cache = await open();
        const commits: Promise<void>[] = [];
        const reads: Promise<number[]>[] = [];
        for (let id = 1; id <= 20; id++) {
          commits.push(
            cache.commit(
              { entries: [{ conversationId: "a", entries: [entry(id)] }] },
              id % 2 === 0 ? "strict" : "relaxed",
            ),
          );
          reads.push(ids(cache, "a", { limit: 1, order: "descending" }));
        }
        const newest = (await Promise.all(reads)).map(([id]) => id);
        for (let id = 1; id <= 20; id++) assert.ok(newest[id - 1]! >= id);
        await Promise.all(commits);
      });
    });

    describe("end", () => {
      it("finds everything again after a reopen, if it is persistent", async () => {
        const place = await factory();
        const cache = await open(place);
        await fill(cache);
        const before = await contents(cache);
        await cache.close();
        const after = await contents(await open(place));
        if (cache.persistent) assert.deepStrictEqual(after, before);
        else assert.notStrictEqual(after.meta.deviceId, before.meta.deviceId);
      });

      it("waits, when it is closed, for commits that were called before", async () => {
        const place = await factory();
        const cache = await open(place);
        let committed = 0;
        const commits = [1, 2, 3].map(async (sequence) => {
          await cache.commit({ putOutbox: [item(sequence)] }, "strict");
          committed++;
        });
        await cache.close();
        assert.strictEqual(committed, 3);
        await Promise.all(commits);
        if (cache.persistent) {
          assert.deepStrictEqual((await (await open(place)).load()).outbox, [item(1), item(2), item(3)]);
        }
      });

      it("refuses everything but a second close once it is closed", async () => {
        const cache = await open();
        await cache.close();
        for (const call of [
          () => cache.load(),
          () => cache.read("a", ALL),
          () => cache.commit({}, "relaxed"),
          () => cache.wipe(),
        ]) {
          await assert.rejects(call(), { code: "closed" });
        }
        await cache.close();
      });

      it("leaves nothing after a wipe, not even the device's id, and is closed", async () => {
        const place = await factory();
        const cache = await open(place);
        await fill(cache);
        const { deviceId } = (await cache.load()).meta;
        await cache.wipe();
        await assert.rejects(cache.load(), { code: "closed" });
        await cache.close();
        const after = await contents(await open(place));
        assert.notStrictEqual(after.meta.deviceId, deviceId);
        assert.deepStrictEqual(after, {
          meta: { deviceId: after.meta.deviceId },
          conversations: [],
          outbox: [],
          users: [],
          log: { a: [], b: [], c: [] },
        });
      });

      it("wipes what was called before it, too", async () => {
        const place = await factory();
        const cache = await open(place);
        const committed = cache.commit({ putOutbox: [item(1)] }, "strict");
        await cache.wipe();
        await committed;
        assert.deepStrictEqual((await (await open(place)).load()).outbox, []);
      });
    });
  });
}
