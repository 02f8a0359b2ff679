import assert from "node:assert/strict";
import { LIMITS } from "@chat/protocol";
import type { MemberOf } from "../../store/conversation-store.js";
import type { Case } from "./case.js";
import { entryOf, GROUP_MEMBERS, numbers, statuses, uuid } from "../store-world.js";
import type { StoredEntry } from "../../store/stored-entry.js";

/** Participations: what membership entries do, and who sees what of it. */
export function membershipCases(prove: Case): void {
  prove("begins a participation with the entry that names the user", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana");
    await world.join("c", "cy");
    const of = (userId: string) => world.store.conversations.participation(userId, "c");
    const state = {
      type: "group",
      membershipVersion: 3,
      memberCount: 3,
      historyVisibility: "joined",
      head: 3,
      ordinal: 1,
      firstId: 1,
      lastRedaction: 0,
      typing: true,
      blocks: false,
      blockedBy: false,
    };
    assert.deepEqual(await of("ana"), {
      ...state,
      member: true,
      role: "owner",
      intervals: [{ from: 1, to: undefined }],
    });
    assert.deepEqual(await of("cy"), {
      ...state,
      member: true,
      role: "member",
      intervals: [{ from: 3, to: undefined }],
    });
    assert.equal(await of("di"), undefined);
    assert.equal(await world.store.conversations.participation("ana", "nowhere"), undefined);
  });

  prove("keeps every interval over leaving and coming back", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana");
    await world.leave("c", "bo"); // 3
    await world.say("c", "ana");
    await world.join("c", "bo"); // 5
    await world.leave("c", "bo"); // 6
    await world.join("c", "bo"); // 7
    const intervals = [
      { from: 1, to: 3 },
      { from: 5, to: 6 },
      { from: 7, to: undefined },
    ];
    const back = await world.store.conversations.participation("bo", "c");
    assert.deepEqual([back?.member, back?.role, back?.intervals], [true, "member", intervals]);
    await world.leave("c", "bo"); // 8
    const gone = await world.store.conversations.participation("bo", "c");
    assert.deepEqual([gone?.member, gone?.memberCount], [false, 1]);
    assert.deepEqual(gone?.intervals, [...intervals.slice(0, 2), { from: 7, to: 8 }]);
  });

  prove("adds with a role and removes in one entry", async (world) => {
    if (world.engine.derivesFromEntries === true) return;
    await world.group("c", ["ana", "bo"]);
    await world.changeMembers("c", { add: [{ userId: "cy", role: "admin" }], remove: ["bo"] });
    const roles = await world.store.conversations.roles("c", ["ana", "bo", "cy", "di"]);
    assert.deepEqual([...roles].sort(), [
      ["ana", "owner"],
      ["cy", "admin"],
    ]);
    assert.equal((await world.row("ana", "c")).memberCount, 2);
  });

  prove("refuses a change that does not fit the members", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const member = (userId: string) => ({ userId, role: "member" as const });
    const outcomes = await world.append([
      world.membershipDraft("c", "ana", { add: [member("bo")], remove: [] }),
      world.membershipDraft("c", "ana", { add: [], remove: ["cy"] }),
      world.membershipDraft("c", "ana", { add: [member("cy"), member("cy")], remove: [] }),
      world.membershipDraft("c", "ana", { add: [member("cy")], remove: ["cy"] }),
    ]);
    assert.deepEqual(statuses(outcomes), Array(4).fill("refused invalid_argument"));
    assert.equal((await world.row("ana", "c")).head, 1);
  });

  prove("keeps to the most members of a conversation", async (world) => {
    const users = numbers(1, GROUP_MEMBERS - 1).map((index) => `u${index}`);
    await world.group("c", ["ana", ...users.slice(0, 400)]);
    await world.join("c", ...users.slice(400));
    const membershipVersion = 2;
    const add = [{ userId: "late", role: "member" as const }];
    const outcomes = await world.append([
      world.membershipDraft("c", "ana", { add, remove: [] }, { membershipVersion }),
      world.draft("c", "ana", { membershipVersion }),
      world.membershipDraft("c", "ana", { add, remove: ["u1"] }, { membershipVersion }),
    ]);
    assert.deepEqual(statuses(outcomes), ["refused limit_exceeded", "stored", "stored"]);
    if (world.engine.derivesFromEntries === true) return;
    assert.equal((await world.row("late", "c")).memberCount, GROUP_MEMBERS);
  });

  prove("keeps to the most intervals of a member", async (world) => {
    await world.group("c", ["ana", "bo"]);
    // Leaves and comes back, over and over, each allowed under the membership that the entry before it makes.
    const changes = numbers(1, LIMITS.intervalsPerMember * 2 - 1).map((membershipVersion) => {
      const change =
        membershipVersion % 2 === 1
          ? { add: [], remove: ["bo"] }
          : { add: [{ userId: "bo", role: "member" as const }], remove: [] };
      return world.membershipDraft("c", "ana", change, { membershipVersion });
    });
    const outcomes = await world.appendMany(changes);
    assert.deepEqual(new Set(statuses(outcomes)), new Set(["stored"]));
    const { messageId } = entryOf(outcomes[outcomes.length - 1]);
    const again = { add: [{ userId: "bo", role: "member" as const }], remove: [] };
    assert.equal(await world.membershipVersion("c"), messageId);
    const overrides = { membershipVersion: messageId };
    const refused = await world.append([world.membershipDraft("c", "ana", again, overrides)]);
    assert.deepEqual(statuses(refused), ["refused limit_exceeded"]);
    const intervals = (await world.store.conversations.participation("bo", "c"))!.intervals;
    assert.equal(intervals.length, LIMITS.intervalsPerMember);
    assert.ok(intervals.every(({ from, to }, index) => from < to! && from > (intervals[index - 1]?.to ?? 0)));
  });

  prove("pages through members by user id", async (world) => {
    const users = numbers(100, 599).map((index) => `user ${index}`);
    await world.group("c", ["ana", ...users]);
    await world.leave("c", "user 250", "user 599");
    await world.join("c", "user 250");
    const found: string[] = [];
    let page: string | undefined;
    do {
      const answer = await world.store.conversations.members("c", {
        limit: 70,
        ...(page !== undefined && { page }),
      });
      assert.ok(answer.items.length <= 70);
      found.push(...answer.items.map(({ userId }) => userId));
      for (const { userId, role, joinedAt } of answer.items) {
        assert.equal(role, userId === "ana" ? "owner" : "member");
        assert.equal(joinedAt, userId === "user 250" ? 3 : 1);
      }
      page = answer.next;
    } while (page !== undefined);
    assert.deepEqual(found, ["ana", ...users.slice(0, -1)]);
    assert.deepEqual(await world.store.conversations.members("nowhere", { limit: 5 }), { items: [] });
  });

  prove("pages through the conversations that a user is a member of, by id", async (world) => {
    const ids = numbers(10, 40).map((index) => `c${index}`);
    for (const conversationId of [...ids].reverse()) await world.group(conversationId, ["ana", "bo"]);
    await world.leave("c20", "bo");
    await world.leave("c30", "bo");
    await world.say("c30", "ana");
    await world.join("c30", "bo");
    const found: MemberOf[] = [];
    let page: string | undefined;
    do {
      const answer = await world.store.conversations.memberOf("bo", {
        limit: 7,
        ...(page !== undefined && { page }),
      });
      found.push(...answer.items);
      page = answer.next;
    } while (page !== undefined);
    const heads = await world.store.messages.heads(ids);
    const expected = ids
      .filter((conversationId) => conversationId !== "c20")
      .map((conversationId) => ({
        conversationId,
        head: conversationId === "c30" ? 4 : 1,
        fingerprint: heads.get(conversationId)!.fingerprint,
        from: conversationId === "c30" ? 4 : 1,
      }));
    assert.deepEqual(found, expected);
    assert.deepEqual(await world.store.conversations.memberOf("nobody", { limit: 5 }), { items: [] });
  });

  prove(
    "advances participations and rows from the entries alone, in the order of their ids",
    async (world) => {
      const { conversations, follower } = world.store;
      if (follower === undefined) return;
      await conversations.reserve({ conversationId: "c", type: "group", creatorId: "ana", createdAt: 7 });
      const entry = (messageId: number, fields: Partial<StoredEntry>): StoredEntry => ({
        conversationId: "c",
        messageId,
        senderId: "ana",
        deviceId: uuid(),
        clientMessageId: uuid(),
        kind: "text",
        createdAt: messageId,
        ordinal: 0,
        fingerprint: messageId * 11,
        ...fields,
      });
      const log = [
        entry(1, { kind: "created", data: { members: ["ana", "bo"] } }),
        entry(2, { text: "hello", ordinal: 1 }),
        entry(3, { kind: "members-removed", data: { members: ["bo"] }, ordinal: 1 }),
        entry(4, { kind: "x-poll", data: { q: 1 }, ordinal: 2 }),
        entry(5, { kind: "members-added", data: { members: ["bo", "cy"] }, ordinal: 2 }),
      ];
      assert.deepEqual(await follower.advance([log[1]!, log[0]!]), []);
      assert.equal((await world.row("bo", "c")).latest?.snippet, "hello");
      assert.deepEqual(await follower.advance([log[3]!]), ["c"], "a gap");
      assert.equal((await world.row("ana", "c")).head, 2);
      await follower.advance(log.slice(0, 4));
      assert.equal((await world.row("bo", "c")).member, false);
      const before = await conversations.position();
      await follower.advance(log.slice(0, 3));
      assert.equal(await conversations.position(), before, "what was seen changes nothing");
      await Promise.all([follower.advance(log), follower.advance(log)]);
      const row = await world.row("ana", "c");
      assert.deepEqual(
        [row.head, row.headFingerprint, row.headOrdinal, row.memberCount, row.role],
        [5, 55, 2, 3, "owner"],
      );
      assert.deepEqual(row.latest, { messageId: 4, senderId: "ana", createdAt: 4, kind: "x-poll" });
      const bo = await conversations.participation("bo", "c");
      assert.deepEqual(bo?.intervals, [
        { from: 1, to: 3 },
        { from: 5, to: undefined },
      ]);
      assert.equal(bo?.membershipVersion, 5);
    },
  );
}
