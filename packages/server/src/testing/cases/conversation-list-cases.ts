import assert from "node:assert/strict";
import { type ConversationRow, LIMITS } from "@chat/protocol";
import type { Case } from "./case.js";
import { assertRefused, entryOf, numbers, seeded } from "../store-world.js";

function ids(rows: readonly ConversationRow[]): string[] {
  return rows.map(({ conversationId }) => conversationId);
}

/** Reserving, rows and the list. */
export function conversationListCases(prove: Case): void {
  prove("reserves an id once", async (world) => {
    const { conversations } = world.store;
    const group = { conversationId: "c", type: "group", creatorId: "ana", createdAt: 1 } as const;
    const held = { conversationId: "c", type: "group", creatorId: "ana" };
    assert.deepEqual(await conversations.reserve(group), { ...held, reserved: true });
    assert.deepEqual(await conversations.reserve(group), { ...held, reserved: false });
    assert.deepEqual(await conversations.reserve({ ...group, creatorId: "bo" }), {
      ...held,
      reserved: false,
    });
    const pair = { ...group, type: "direct", creatorId: "bo", pair: ["bo", "cy"] } as const;
    assert.deepEqual(await conversations.reserve(pair), { ...held, reserved: false });
  });

  prove(
    "reserves one conversation for a pair, from whichever side, at the same time, in two stores",
    async (world) => {
      const other = await world.open();
      const answers = await Promise.all(
        numbers(1, 20).map((index) => {
          const pair = index % 2 === 0 ? (["ana", "bo"] as const) : (["bo", "ana"] as const);
          const store = index % 3 === 0 ? world.store : other;
          const conversationId = `asked for ${index}`;
          return store.conversations.reserve({
            conversationId,
            type: "direct",
            creatorId: pair[0],
            pair,
            createdAt: 1,
          });
        }),
      );
      assert.equal(new Set(answers.map(({ conversationId }) => conversationId)).size, 1);
      assert.equal(answers.filter(({ reserved }) => reserved).length, 1);
      const held = answers.find(({ reserved }) => reserved)!;
      for (const answer of answers) assert.deepEqual({ ...answer, reserved: true }, held);
      const outcomes = await Promise.all(
        ["ana", "bo"].map((userId, index) => {
          const members = [userId, userId === "ana" ? "bo" : "ana"];
          const store = index === 0 ? world.store : other;
          return store.messages.append([world.createdDraft(held.conversationId, members)]);
        }),
      );
      assert.equal(
        outcomes.filter(([outcome]) => outcome?.status === "stored").length,
        1,
        "of two who race, one creates",
      );
    },
  );

  prove("keeps pairs apart", async (world) => {
    const reserve = async (conversationId: string, pair: readonly [string, string]): Promise<string> => {
      const direct = { conversationId, type: "direct", creatorId: pair[0], pair, createdAt: 1 } as const;
      return (await world.store.conversations.reserve(direct)).conversationId;
    };
    assert.equal(await reserve("1", ["a", "b,c"]), "1");
    assert.equal(await reserve("2", ["a,b", "c"]), "2");
    assert.equal(await reserve("3", ["a", "a"]), "3");
    assert.equal(await reserve("4", ["a", "A"]), "4");
    assert.equal(await reserve("5", ["b,c", "a"]), "1");
  });

  prove("takes ids to the letter", async (world) => {
    // What engines like to take for the same: case, accents, spaces at the end, forms of Unicode, and what comes late in a long one.
    const long = "z".repeat(LIMITS.idBytes - 1);
    const alike = [
      "zoe",
      "Zoe",
      "zoe ",
      " zoe",
      "zo\u00eb",
      "zoe\u0308",
      "stra\u00dfe",
      "strasse",
      `${long}a`,
      `${long}b`,
    ];
    const { conversations } = world.store;
    for (const id of alike) {
      const reserving = { conversationId: id, type: "group", creatorId: id, createdAt: 7 } as const;
      assert.ok(
        (await conversations.reserve(reserving)).reserved,
        `${JSON.stringify(id)} is taken for another id`,
      );
      await world.group(id, [id]);
      await world.say(id, id, { text: id });
      await conversations.setUser({ userId: id, name: id });
    }
    for (const id of alike) {
      assert.deepEqual(
        (await world.list(id)).rows.map(({ conversationId, latest }) => [conversationId, latest?.snippet]),
        [[id, id]],
      );
      assert.deepEqual(
        (await world.log(id)).map(({ senderId }) => senderId),
        [id, id],
      );
      assert.deepEqual([...(await conversations.roles(id, alike)).keys()], [id]);
    }
    const names = await conversations.users(alike);
    assert.deepEqual(
      new Map(names.map(({ userId, name }) => [userId, name])),
      new Map(alike.map((id) => [id, id])),
    );
    assert.deepEqual(new Set((await world.store.messages.heads(alike)).keys()), new Set(alike));
    await world.group("all", alike);
    const members = await conversations.members("all", { limit: 100 });
    assert.deepEqual(new Set(members.items.map(({ userId }) => userId)), new Set(alike));
    assert.equal(members.items.length, alike.length);
  });

  prove("shows a reserved conversation to nobody before its first entry", async (world) => {
    const { conversations } = world.store;
    const position = await conversations.position();
    await conversations.reserve({ conversationId: "c", type: "group", creatorId: "ana", createdAt: 1 });
    assert.equal(await conversations.row("ana", "c"), undefined);
    assert.deepEqual((await conversations.list("ana", { limit: 5 })).items, []);
    assert.deepEqual((await conversations.listChanges("ana", { limit: 5, cursor: position })).rows, []);
  });

  prove("gives a self-contained row", async (world) => {
    const { conversations } = world.store;
    const data = { topic: { id: 7 }, tags: ["x", null] };
    await conversations.reserve({
      conversationId: "c",
      type: "group",
      creatorId: "ana",
      name: "Crew 🙂",
      data,
      createdAt: 1_700_000_000_123,
    });
    await world.stored(world.createdDraft("c", ["ana", "bo"]));
    const entry = await world.say("c", "bo", { text: "hi" });
    const { activity, version, ...row } = await world.row("ana", "c");
    assert.ok(Number.isSafeInteger(activity) && activity > 0);
    assert.ok(Number.isSafeInteger(version) && version > 0);
    assert.deepEqual(row, {
      conversationId: "c",
      type: "group",
      head: 2,
      headFingerprint: entry.fingerprint,
      headOrdinal: 1,
      firstId: 1,
      memberCount: 2,
      member: true,
      role: "owner",
      joinedAt: 1,
      visibleFrom: 1,
      createdAt: 1_700_000_000_123,
      delivered: 1,
      read: 1,
      readOrdinal: 0,
      name: "Crew 🙂",
      data,
      latest: { messageId: 2, senderId: "bo", createdAt: entry.createdAt, snippet: "hi" },
      receipts: [{ userId: "bo", delivered: 2, read: 2 }],
    });
    assert.deepEqual((await conversations.list("ana", { limit: 5 })).items, [{ activity, version, ...row }]);
    assert.equal(await conversations.row("stranger", "c"), undefined);
    assert.equal(await conversations.row("ana", "nowhere"), undefined);
  });

  prove("names the other user of a direct conversation", async (world) => {
    const direct = {
      conversationId: "d",
      type: "direct",
      creatorId: "ana",
      pair: ["ana", "bo"],
      createdAt: 1,
    } as const;
    await world.store.conversations.reserve(direct);
    await world.stored(world.createdDraft("d", ["ana", "bo"]));
    assert.equal((await world.row("ana", "d")).peerId, "bo");
    assert.equal((await world.row("bo", "d")).peerId, "ana");
    assert.equal((await world.row("bo", "d")).type, "direct");
    await world.group("c", ["ana", "bo"]);
    assert.equal("peerId" in (await world.row("ana", "c")), false);
  });

  prove("shows the newest entry that counts as unread, cut to its first characters", async (world) => {
    await world.group("c", ["ana"]);
    assert.equal("latest" in (await world.row("ana", "c")), false);
    await world.say("c", "ana", { text: "🙂".repeat(LIMITS.snippetCharacters + 1) });
    assert.equal((await world.row("ana", "c")).latest?.snippet, "🙂".repeat(LIMITS.snippetCharacters));
    const { text: _, ...withoutText } = world.draft("c", "ana", { kind: "x-call", data: { on: true } });
    const { createdAt } = await world.stored(withoutText);
    const latest = { messageId: 3, senderId: "ana", createdAt, kind: "x-call" };
    assert.deepEqual((await world.row("ana", "c")).latest, latest);
    await world.join("c", "bo");
    await world.append([world.draft("c", "ana", { countsAsUnread: false, membershipVersion: 4 })]);
    const row = await world.row("ana", "c");
    assert.deepEqual([row.latest, row.head, row.headOrdinal], [latest, 5, 2]);
    const newest = await world.append(
      ["one", "two"].map((text) => world.draft("c", "ana", { text, membershipVersion: 4 })),
    );
    assert.equal((await world.row("ana", "c")).latest?.snippet, "two");
    assert.equal((await world.row("ana", "c")).headFingerprint, entryOf(newest[1]).fingerprint);
  });

  prove("shows nobody a latest message from outside of their intervals", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "ana", { text: "seen" }); // 2
    await world.leave("c", "bo"); // 3
    await world.join("c", "bo", "cy"); // 4
    const latest = async (userId: string) => (await world.row(userId, "c")).latest?.snippet;
    assert.deepEqual([await latest("bo"), await latest("cy")], ["seen", undefined]);
    await world.leave("c", "bo", "cy"); // 5
    assert.deepEqual([await latest("bo"), await latest("cy")], ["seen", undefined]);
    await world.say("c", "ana", { text: "missed" }); // 6
    await world.join("c", "bo", "cy"); // 7
    assert.notEqual(await latest("bo"), "missed");
    assert.equal(await latest("cy"), undefined);
    await world.say("c", "ana", { text: "for all" });
    assert.deepEqual([await latest("bo"), await latest("cy")], ["for all", "for all"]);
  });

  prove("leaves a former member's row as it was", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const last = await world.say("c", "ana", { text: "last seen" });
    const before = await world.row("bo", "c");
    await world.leave("c", "bo");
    await world.append(numbers(1, 3).map(() => world.draft("c", "ana", { membershipVersion: 3 })));
    const after = await world.row("bo", "c");
    const { version } = after;
    assert.ok(version > before.version);
    const { receipts: _, ...shown } = before;
    const receipt = { delivered: 2, read: 2, readOrdinal: 1 };
    assert.deepEqual(after, { ...shown, ...receipt, version, member: false, memberCount: 1 });
    assert.deepEqual([after.head, after.headFingerprint, after.headOrdinal], [2, last.fingerprint, 1]);
    assert.equal(after.latest?.snippet, "last seen");
    assert.deepEqual((await world.list("bo")).rows, []);
    await world.join("c", "bo");
    const back = await world.row("bo", "c");
    assert.deepEqual([back.member, back.head, back.joinedAt], [true, 7, 7]);
    assert.equal(back.latest?.snippet, "last seen", "what was said without them is not theirs to see");
    await world.setRoles("c", ["bo", "admin"]);
    assert.equal((await world.row("bo", "c")).latest?.snippet, "last seen");
    await world.leave("c", "bo");
    assert.equal((await world.row("bo", "c")).latest?.snippet, "last seen", "nothing was said meanwhile");
    await world.join("c", "bo");
    await world.say("c", "ana", { text: "hello again" });
    assert.equal((await world.row("bo", "c")).latest?.snippet, "hello again");
    await world.leave("c", "bo");
    assert.equal((await world.row("bo", "c")).latest?.snippet, "hello again");
  });

  prove("gives every state of a row a higher version, and never two states the same", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const said = await world.row("bo", "c");
    await world.say("c", "ana");
    await world.leave("c", "bo");
    const left = await world.row("bo", "c");
    await world.say("c", "ana");
    assert.deepEqual(
      await world.row("bo", "c"),
      left,
      "what goes on without a user does not touch their row",
    );
    await world.join("c", "bo");
    const back = await world.row("bo", "c");
    await world.say("c", "bo");
    const versions = [said, left, back, await world.row("bo", "c")].map(({ version }) => version);
    assert.ok(
      versions.every((version, index) => index === 0 || version > versions[index - 1]!),
      versions.join(" "),
    );
    assert.equal(
      (await world.list("bo")).rows[0]!.version,
      versions[3],
      "the same state has the same version, whoever asks how",
    );
  });

  prove("lists the newest activity first, whatever the clock says", async (world) => {
    for (const conversationId of ["a", "b", "c"]) await world.group(conversationId, ["ana", "bo"]);
    assert.deepEqual(ids((await world.list("ana")).rows), ["c", "b", "a"]);
    await world.say("a", "bo", { createdAt: 1 });
    assert.deepEqual(ids((await world.list("ana")).rows), ["a", "c", "b"]);
    await world.join("b", "cy");
    await world.leave("c", "bo");
    assert.deepEqual(
      ids((await world.list("ana")).rows),
      ["a", "c", "b"],
      "who comes and goes is no activity",
    );
    const { rows } = await world.list("ana");
    assert.ok(rows.every(({ activity }, index) => index === 0 || activity < rows[index - 1]!.activity));
    await world.leave("a", "ana");
    assert.deepEqual(ids((await world.list("ana")).rows), ["c", "b"], "former memberships are left out");
    const page = await world.store.conversations.list("ana", { limit: 2 });
    assert.equal(page.next, undefined, "there is no page behind the last one, however full it is");
    assert.deepEqual((await world.list("nobody")).rows, []);
  });

  prove(
    "pages through a list that moves meanwhile, and misses nothing with the changes since",
    async (world) => {
      const random = seeded(7);
      const all = numbers(10, 49).map((index) => `c${index}`);
      for (const conversationId of all) await world.group(conversationId, ["ana"]);
      const held = new Map<string, ConversationRow>();
      const first = await world.store.conversations.list("ana", { limit: 6 });
      let page = first;
      for (;;) {
        for (const row of page.items) {
          assert.equal(held.has(row.conversationId), false, "nothing comes twice");
          held.set(row.conversationId, row);
        }
        if (page.next === undefined) break;
        await world.say(all[Math.floor(random() * all.length)]!, "ana");
        await world.say(all[Math.floor(random() * all.length)]!, "ana");
        page = await world.store.conversations.list("ana", { limit: 6, page: page.next });
      }
      for (const row of (await world.changesSince("ana", first.cursor)).rows)
        held.set(row.conversationId, row);
      assert.deepEqual([...held.keys()].sort(), all);
      for (const conversationId of all)
        assert.deepEqual(held.get(conversationId), await world.row("ana", conversationId));
    },
  );

  prove("ends a page early when its rows are large", async (world) => {
    const data = { filling: "x".repeat(LIMITS.dataBytes - 100) };
    const all = numbers(100, 199).map((index) => `c${index}`);
    const cursor = await world.store.conversations.position();
    for (const conversationId of all) {
      await world.store.conversations.reserve({
        conversationId,
        type: "group",
        creatorId: "ana",
        data,
        createdAt: 1,
      });
      await world.stored(world.createdDraft(conversationId, ["ana"]));
    }
    const page = await world.store.conversations.list("ana", { limit: 200 });
    assert.ok(page.next !== undefined && page.items.length > 30, `${page.items.length} rows`);
    assert.ok(JSON.stringify(page.items).length <= LIMITS.pageBytes * 1.1);
    assert.deepEqual(ids((await world.list("ana", 200)).rows), [...all].reverse());
    const changes = await world.store.conversations.listChanges("ana", { limit: 200, cursor });
    assert.ok(changes.more && JSON.stringify(changes.rows).length <= LIMITS.pageBytes * 1.1);
    assert.deepEqual(ids((await world.changesSince("ana", cursor, 200)).rows), all);
  });

  prove("refuses a page that is none", async (world) => {
    await world.group("c", ["ana"]);
    for (const page of ["", "x", "-1", "1.5", "9".repeat(400)]) {
      await assertRefused(world.store.conversations.list("ana", { limit: 5, page }), "cursor_invalid");
    }
  });
}
