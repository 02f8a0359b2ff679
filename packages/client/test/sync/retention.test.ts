import type { ConversationRow, Entry } from "@chat/protocol";
import { expect, test } from "vitest";
import { mergeOwn } from "../../src/sync/merge-receipts.js";
import { isCaughtUp } from "../../src/sync/replica.js";
import { createReplicas, type ReplicasEnvironment } from "../../src/sync/replicas.js";

const row = {
  conversationId: "room",
  type: "group",
  version: 1,
  activity: 1,
  head: 5,
  headFingerprint: 55,
  headOrdinal: 4,
  firstId: 1,
  memberCount: 2,
  member: true,
  role: "member",
  joinedAt: 1,
  visibleFrom: 1,
  createdAt: 0,
  delivered: 5,
  read: 5,
  readOrdinal: 4,
} satisfies ConversationRow;

function entry(messageId: number): Entry {
  return { messageId, senderId: "ana", createdAt: 0, ordinal: messageId - 1, fingerprint: messageId * 11 };
}

function setUp() {
  const settled: number[] = [];
  const replicas = createReplicas({
    userId: "ana",
    writer: { commit: async () => {}, read: async () => [] },
    settle: (entries) => (settled.push(...entries.map(({ messageId }) => messageId)), []),
    changed: () => {},
    arrived: () => {},
    receiptMembers: () => 100,
    rowUnknown: () => {},
    forgot: () => {},
  } satisfies ReplicasEnvironment);
  return { replicas, settled };
}

test("an acknowledged message that is deleted before its place is reached leaves the outbox", () => {
  const { replicas, settled } = setUp();
  const replica = replicas.applyRow(row);
  replica.early = [{ after: 7, through: 8, entries: [entry(8)] }];
  replicas.applyRow({ ...row, version: 2, head: 9, firstId: 10 });
  expect(settled).toEqual([8]);
  expect(replica.early).toEqual([]);
});

test("where everything that was to be compared is deleted nothing is in doubt", () => {
  const { replicas } = setUp();
  const replica = replicas.applyRow(row);
  replicas.apply(replica, { after: 0, through: 5, entries: [1, 2, 3, 4, 5].map(entry) });
  replica.trust = "suspect";
  replicas.applyRow({ ...row, version: 2, head: 9, firstId: 10 });
  expect(replica.ranges).toEqual([]);
  expect(isCaughtUp(replica)).toBe(true);
});

test("what is told twice of a conversation of which nothing is left leaves nothing in doubt", () => {
  const { replicas } = setUp();
  const replica = replicas.applyRow(row);
  replicas.apply(replica, { after: 0, through: 5, entries: [1, 2, 3, 4, 5].map(entry) });
  // Connected anew, and pushed before the changes are listed, which tell it again.
  Object.assign(replica, { trust: "unsure", rowVersion: 0 });
  for (const _ of ["pushed", "listed"]) replicas.applyRow({ ...row, version: 2, firstId: 6 });
  expect(isCaughtUp(replica)).toBe(true);
});

test("a read message that is deleted counts as the next one that is not", () => {
  const before = { delivered: 5, read: 5, readOrdinal: 3 };
  expect(mergeOwn(before, { ...before, readOrdinal: 4 })).toEqual({ ...before, readOrdinal: 4 });
  expect(mergeOwn({ ...before, read: 6, readOrdinal: 4 }, { ...before, readOrdinal: 9 }).readOrdinal).toBe(4);
});

test("where all that was held is deleted, what was read in a history that a restored backup has lost is forgotten", () => {
  const { replicas } = setUp();
  const replica = replicas.applyRow(row);
  replicas.apply(replica, { after: 0, through: 5, entries: [1, 2, 3, 4, 5].map(entry) });
  replicas.applyRow({ ...row, version: 2, firstId: 6 });
  expect(replica.ranges).toEqual([]);
  const restored = { head: 3, headFingerprint: 33, headOrdinal: 2, delivered: 3, read: 1, readOrdinal: 0 };
  replicas.applyRow({ ...row, version: 3, ...restored });
  expect(replica.row).toMatchObject({ head: 3, read: 1 });
});
