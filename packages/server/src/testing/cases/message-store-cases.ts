import assert from "node:assert/strict";
import { isUuid } from "@chat/protocol";
import { chainFingerprint } from "../../store/chain-fingerprint.js";
import type { AppendOutcome, Draft } from "../../store/message-store.js";
import type { StoredEntry } from "../../store/stored-entry.js";
import type { Case } from "./case.js";
import { assertRefused, describeOutcome, entryOf, numbers, statuses, turn, uuid } from "../store-world.js";

const ALL = {
  after: 0,
  before: Number.MAX_SAFE_INTEGER,
  order: "ascending",
  limit: 200,
  maxBytes: 1_000_000,
} as const;

/** The contract of {@link MessageStore}. */
export function messageStoreCases(prove: Case): void {
  prove("numbers entries from 1 without gaps, in the order of the drafts", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const drafts = numbers(1, 5).map(() => world.draft("c", "ana"));
    const outcomes = await world.append(drafts);
    assert.deepEqual(statuses(outcomes), Array(5).fill("stored"));
    assert.deepEqual(
      outcomes.map((outcome) => [entryOf(outcome).messageId, entryOf(outcome).text]),
      drafts.map(({ text }, index) => [index + 2, text]),
    );
  });

  prove("stores what the draft says, and chains ordinals and fingerprints", async (world) => {
    await world.group("c", ["ana"]);
    const draft = world.draft("c", "ana", {
      kind: "x-poll",
      text: "Grüße 👩‍👩‍👧 \n漢字\u0000",
      data: { question: "ok?", options: ["a", 1.5, -7, 1e300, null, true, {}, []], deep: { a: { b: [{}] } } },
      replyTo: 1,
    });
    const plain = world.draft("c", "ana");
    const [first, second] = (await world.append([draft, plain])).map(entryOf);
    const [created] = await world.log("c");
    const { membershipVersion: _, countsAsUnread: __, ...said } = draft;
    const fingerprint = chainFingerprint(created!.fingerprint, first!);
    assert.deepEqual(first, { ...said, messageId: 2, ordinal: 1, fingerprint });
    assert.equal(second!.ordinal, 2);
    assert.equal(second!.fingerprint, chainFingerprint(fingerprint, second!));
    assert.equal(created!.fingerprint, chainFingerprint(0, created!));
    assert.equal(created!.ordinal, 0, "membership entries don't raise the ordinal");
    assert.deepEqual(await world.log("c"), [created, first, second]);
    assert.deepEqual(await world.store.messages.find(draft), first);
    assert.deepEqual(Object.keys(second!).includes("data"), false, "what is absent stays absent");
  });

  prove("keeps texts and data to the letter", async (world) => {
    const texts = [
      " \t around \n",
      "Zo\u00eb, Zoe\u0308",
      "\ufeffa\r\nb\u2028c\u200d",
      "0",
      "null",
      "\\u0041 \\n % _ ' \"",
    ];
    await world.group("c", ["ana"]);
    const drafts = texts.map((text) =>
      world.draft("c", "ana", {
        text,
        data: { [text]: text, none: null, empty: "", "": { zero: 0, tiny: 5e-324 } },
      }),
    );
    const stored = (await world.append(drafts)).map(entryOf);
    const said = (all: readonly (Draft | StoredEntry)[]) => all.map(({ text, data }) => ({ text, data }));
    assert.deepEqual(said(stored), said(drafts));
    assert.deepEqual((await world.log("c")).slice(1), stored);
    assert.deepEqual((await world.append(drafts)).map(entryOf), stored, "as duplicates, too");
  });

  prove("keeps who is mentioned, wherever the entry is read", async (world) => {
    const mentions = ["bo", uuid(), "Zoë 🙂"];
    await world.group("c", ["ana", ...mentions]);
    const said = await world.say("c", "ana", { text: "@bo", mentions });
    await world.say("c", "bo", { mentions: ["ana"] });
    await world.say("c", "bo");
    assert.deepEqual(said.mentions, mentions);
    const mentioned = (entries: readonly StoredEntry[]) => entries.slice(-3).map((entry) => entry.mentions);
    assert.deepEqual(mentioned(await world.log("c")), [mentions, ["ana"], undefined]);
    const newest = await world.store.messages.read({
      ...{ ...ALL, conversationId: "c", order: "descending", limit: 3 },
    });
    assert.deepEqual(mentioned(newest), [mentions, ["ana"], undefined]);
    assert.equal("mentions" in newest[2]!, false, "what is absent stays absent");
    const { clientMessageId, deviceId } = said;
    const key = { conversationId: "c", senderId: "ana", deviceId, clientMessageId };
    assert.deepEqual((await world.store.messages.find(key))?.mentions, mentions);
  });

  prove("counts mentions among the bytes of a range", async (world) => {
    const mentions = numbers(10, 59).map((number) => `${number}`.padEnd(128, "x"));
    await world.group("c", ["ana"]);
    for (const _ of numbers(1, 3)) await world.say("c", "ana", { text: "hi", mentions });
    const read = await world.store.messages.read({ ...ALL, conversationId: "c", after: 1, maxBytes: 6_000 });
    assert.equal(read.length, 1);
  });

  prove("keeps the longest text", async (world) => {
    await world.group("c", ["ana"]);
    const text = "🙂".repeat(100_000);
    await world.say("c", "ana", { text });
    assert.equal((await world.log("c"))[1]!.text, text);
  });

  prove("takes 1,000 appends at once over several conversations from two stores", async (world) => {
    const other = await world.open();
    const conversations = ["c0", "c1", "c2", "c3", "c4"];
    for (const conversationId of conversations) await world.group(conversationId, ["ana", "bo", "cy", "di"]);
    const drafts = numbers(0, 999).map((index) => {
      const senderId = ["ana", "bo", "cy", "di"][index % 4]!;
      return world.draft(conversations[index % 5]!, senderId, { data: { index } });
    });
    const outcomes = await Promise.all(
      drafts.map((draft, index) => (index % 2 === 0 ? world.store : other).messages.append([draft])),
    );
    assert.deepEqual(new Set(outcomes.map(([outcome]) => describeOutcome(outcome))), new Set(["stored"]));
    for (const conversationId of conversations) {
      const log = await world.log(conversationId);
      assert.deepEqual(
        log.map(({ messageId }) => messageId),
        numbers(1, 201),
      );
      assert.equal(new Set(log.map(({ clientMessageId }) => clientMessageId)).size, 201);
      const here = outcomes
        .flatMap(([outcome]) => entryOf(outcome))
        .filter((entry) => entry.conversationId === conversationId);
      const byId = new Map(log.map((entry) => [entry.messageId, entry]));
      for (const entry of here) assert.deepEqual(entry, byId.get(entry.messageId));
      log.reduce((previous, entry) => {
        assert.equal(entry.fingerprint, chainFingerprint(previous, entry));
        return entry.fingerprint;
      }, 0);
    }
  });

  prove("gives one outcome per draft, in order, for a call of any length", async (world) => {
    await world.group("c", ["ana"]);
    const drafts = numbers(0, 1_499).map((index) =>
      world.draft(index % 100 === 50 ? "nowhere" : "c", "ana", { data: { index } }),
    );
    const outcomes = await world.append(drafts);
    assert.equal(outcomes.length, drafts.length);
    let messageId = 1;
    outcomes.forEach((outcome, index) => {
      if (index % 100 === 50) assert.equal(describeOutcome(outcome), "refused not_found");
      else assert.deepEqual([entryOf(outcome).messageId, entryOf(outcome).data], [++messageId, { index }]);
    });
    assert.deepEqual(await world.append([]), []);
  });

  prove("lets a reader who sees n read every id below n, while others write", async (world) => {
    await world.group("c", ["ana"]);
    const other = await world.open();
    let writing = true;
    const writers = Promise.all(
      numbers(1, 8).map(async (writer) => {
        const store = writer % 2 === 0 ? world.store : other;
        for (let round = 0; round < 15; round++) await store.messages.append([world.draft("c", "ana")]);
      }),
    ).finally(() => (writing = false));
    while (writing) {
      await turn();
      const ids = (await world.log("c")).map(({ messageId }) => messageId);
      assert.deepEqual(ids, numbers(1, ids.length));
      const head = (await other.messages.heads(["c"])).get("c")!.head;
      assert.ok(head >= ids.length, "a head never lies behind what was read before");
      const [last] = await other.messages.read({ conversationId: "c", ...ALL, after: head - 1, limit: 1 });
      assert.equal(last?.messageId, head, "what the head names can be read");
    }
    await writers;
  });

  prove("answers a key that was stored before with the first entry", async (world) => {
    const other = await world.open();
    await world.group("c", ["ana"]);
    const draft = world.draft("c", "ana");
    const entry = await world.stored(draft);
    for (const store of [world.store, other]) {
      const [again] = await world.append([{ ...draft, text: "changed", membershipVersion: 99 }], store);
      assert.deepEqual(again, { status: "duplicate", entry });
      assert.deepEqual(await store.messages.find(draft), entry);
    }
    assert.equal((await world.log("c")).length, 2);
  });

  prove("sees a key twice in one call, and in calls at the same time from two stores", async (world) => {
    const other = await world.open();
    await world.group("c", ["ana"]);
    const twice = world.draft("c", "ana");
    assert.deepEqual(statuses(await world.append([twice, world.draft("c", "ana"), twice])), [
      "stored",
      "stored",
      "duplicate",
    ]);
    const raced = world.draft("c", "ana");
    const outcomes = await Promise.all(
      numbers(1, 20).map((index) => (index % 2 === 0 ? world.store : other).messages.append([raced])),
    );
    assert.equal(outcomes.filter(([outcome]) => outcome?.status === "stored").length, 1);
    assert.equal(new Set(outcomes.map(([outcome]) => entryOf(outcome).messageId)).size, 1);
  });

  prove("takes keys that differ in any part for different ones", async (world) => {
    await world.group("c", ["ana", "an"]);
    await world.group("d", ["ana", "an"]);
    const draft = world.draft("c", "ana");
    const others: Draft[] = [
      { ...draft, conversationId: "d" },
      { ...draft, senderId: "an" },
      { ...draft, senderId: "Ana" },
      { ...draft, deviceId: uuid() },
      { ...draft, clientMessageId: uuid() },
    ];
    await world.stored(draft);
    for (const other of others) assert.equal(await world.store.messages.find(other), undefined);
    assert.deepEqual(statuses(await world.append(others)), Array(5).fill("stored"));
    assert.ok(isUuid((await world.store.messages.find(others[3]!))!.deviceId));
  });

  prove("looks the key up before it refuses", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const draft = world.draft("c", "ana");
    const entry = await world.stored(draft);
    const add = [{ userId: "cy", role: "member" as const }];
    const joining = world.membershipDraft("c", "ana", { add, remove: [] });
    const joined = await world.stored(joining);
    await world.leave("c", "ana");
    const outcomes = await world.append([world.draft("c", "ana", { membershipVersion: 2 }), draft, joining]);
    assert.deepEqual(statuses(outcomes), ["refused membership_moved", "duplicate", "duplicate"]);
    const others: Draft[] = [
      { ...draft, senderId: "bo" },
      { ...draft, deviceId: uuid() },
    ];
    assert.deepEqual(
      statuses(await world.append(others)),
      Array(2).fill("refused membership_moved"),
      "a key that differs in its sender or device is another one",
    );
    assert.deepEqual(outcomes.slice(1).map(entryOf), [entry, joined]);
  });

  prove("keeps no key of a refused draft, so that it may be tried again", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const draft = world.draft("c", "ana", { membershipVersion: 0 });
    assert.deepEqual(statuses(await world.append([draft])), ["refused membership_moved"]);
    assert.equal(await world.store.messages.find(draft), undefined);
    const entry = await world.stored({ ...draft, membershipVersion: 1 });
    assert.equal(entry.messageId, 2);
  });

  prove("lets a bad draft fail alone", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const everybody = numbers(1, 600).map((index) => ({ userId: `u${index}`, role: "member" as const }));
    const outcomes = await world.append([
      world.draft("c", "ana"),
      world.draft("nowhere", "ana"),
      world.draft("c", "ana"),
      world.draft("c", "bo", { membershipVersion: 5 }),
      world.draft("c", "ana"),
      world.membershipDraft("c", "ana", { add: everybody, remove: [] }),
      world.draft("c", "ana"),
    ]);
    assert.deepEqual(statuses(outcomes), [
      "stored",
      "refused not_found",
      "stored",
      "refused membership_moved",
      "stored",
      "refused limit_exceeded",
      "stored",
    ]);
    assert.deepEqual(
      (await world.log("c")).map(({ messageId }) => messageId),
      numbers(1, 5),
    );
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === "refused" && outcome.error.retryable),
      [false, false, false, true, false, false, false],
    );
  });

  prove(
    "refuses what follows a retryable refusal of the same device in the same conversation",
    async (world) => {
      await world.group("c", ["ana", "bo"]);
      await world.group("d", ["ana", "bo"]);
      const known = world.draft("c", "ana");
      await world.stored(known);
      const ana = (overrides: Partial<Draft> = {}): Draft => world.draft("c", "ana", overrides);
      const first = ana({ membershipVersion: 7 });
      const outcomes = await world.append([
        ana(),
        first,
        ana(),
        world.draft("c", "bo"),
        world.draft("d", "ana"),
        ana({ deviceId: uuid() }),
        known,
        ana({ membershipVersion: 8 }),
      ]);
      assert.deepEqual(statuses(outcomes), [
        "stored",
        "refused membership_moved",
        "refused out_of_order",
        "stored",
        "stored",
        "stored",
        "duplicate",
        "refused out_of_order",
      ]);
      assert.equal(await world.store.messages.find(first), undefined);
      assert.deepEqual(statuses(await world.append([ana()])), ["stored"], "the next call begins anew");
    },
  );

  prove("refuses a draft that was allowed under another membership", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const under = world.draft("c", "bo", { membershipVersion: 1 });
    const { messageId } = await world.leave("c", "bo");
    assert.deepEqual(statuses(await world.append([under])), ["refused membership_moved"]);
    assert.equal((await world.store.messages.heads(["c"])).get("c")!.membershipVersion, messageId);
    await world.stored(world.draft("c", "ana", { membershipVersion: messageId }));
  });

  prove("stores one of two membership changes that were allowed under the same membership", async (world) => {
    const other = await world.open();
    await world.group("c", ["ana", "bo"]);
    const outcomes = await Promise.all(
      numbers(1, 10).map((index) => {
        const add = [{ userId: `u${index}`, role: "member" as const }];
        return (index % 2 === 0 ? world.store : other).messages.append([
          world.membershipDraft("c", `admin${index}`, { add, remove: [] }),
        ]);
      }),
    );
    const found = outcomes.map(([outcome]) => describeOutcome(outcome)).sort();
    assert.deepEqual(found, [...Array<string>(9).fill("refused membership_moved"), "stored"]);
  });

  prove("reads between exclusive bounds, from either end, and answers in ascending order", async (world) => {
    await world.group("c", ["ana"]);
    await world.append(numbers(1, 9).map(() => world.draft("c", "ana")));
    const ids = async (query: Partial<typeof ALL | { order: "descending" }>): Promise<number[]> =>
      (await world.store.messages.read({ conversationId: "c", ...ALL, ...query })).map(
        ({ messageId }) => messageId,
      );
    assert.deepEqual(await ids({}), numbers(1, 10));
    assert.deepEqual(await ids({ order: "descending" }), numbers(1, 10));
    const between = { after: 3, before: 8 } as object;
    assert.deepEqual(await ids(between), [4, 5, 6, 7]);
    assert.deepEqual(await ids({ ...between, limit: 2 } as object), [4, 5]);
    assert.deepEqual(await ids({ ...between, limit: 2, order: "descending" } as object), [6, 7]);
    assert.deepEqual(await ids({ after: 4, before: 5 } as object), []);
    assert.deepEqual(await ids({ after: 10 } as object), []);
    assert.deepEqual(await world.store.messages.read({ conversationId: "nowhere", ...ALL }), []);
  });

  prove("stops after the entry that brings text and data above maxBytes", async (world) => {
    await world.group("c", ["ana"]);
    // 100 bytes each: 50 characters of two bytes, or 50 of text and 50 of data.
    await world.append(numbers(1, 4).map(() => world.draft("c", "ana", { text: "é".repeat(50) })));
    const data = { d: "x".repeat(42) };
    assert.equal(JSON.stringify(data).length, 50);
    await world.append([world.draft("c", "ana", { text: "x".repeat(50), data })]);
    const ids = async (maxBytes: number, order: "ascending" | "descending"): Promise<number[]> => {
      const query = { conversationId: "c", ...ALL, after: 1, maxBytes, order };
      return (await world.store.messages.read(query)).map(({ messageId }) => messageId);
    };
    assert.deepEqual(await ids(0, "ascending"), [2], "at least one");
    assert.deepEqual(await ids(100, "ascending"), [2, 3], "exactly so many are not above");
    assert.deepEqual(await ids(199, "ascending"), [2, 3]);
    assert.deepEqual(await ids(0, "descending"), [6]);
    assert.deepEqual(await ids(99, "descending"), [6]);
    assert.deepEqual(await ids(250, "descending"), [4, 5, 6]);
  });

  prove("gives the heads of the conversations that exist", async (world) => {
    assert.deepEqual(await world.store.messages.heads(["c"]), new Map());
    await world.store.conversations.reserve({
      conversationId: "c",
      type: "group",
      creatorId: "ana",
      createdAt: 1,
    });
    const empty = { head: 0, fingerprint: 0, ordinal: 0, membershipVersion: 0, firstId: 1, lastRedaction: 0 };
    assert.deepEqual(await world.store.messages.heads(["c", "nowhere"]), new Map([["c", empty]]));
    await world.stored(world.createdDraft("c", ["ana"]));
    const { fingerprint } = await world.say("c", "ana");
    await world.group("d", ["ana"]);
    const heads = await world.store.messages.heads(["d", "c", "c"]);
    const first = { firstId: 1, lastRedaction: 0 };
    assert.deepEqual(heads.get("c"), { head: 2, fingerprint, ordinal: 1, membershipVersion: 1, ...first });
    assert.equal(heads.get("d")?.head, 1);
    assert.equal(heads.size, 2);
  });

  prove("never rejects an append, also after it was closed", async (world) => {
    await world.group("c", ["ana"]);
    await world.store.close();
    const outcomes: readonly AppendOutcome[] = await world.store.messages.append([world.draft("c", "ana")]);
    assert.deepEqual(statuses(outcomes), ["refused closed"]);
    await assertRefused(world.store.messages.heads(["c"]), "closed");
  });
}
