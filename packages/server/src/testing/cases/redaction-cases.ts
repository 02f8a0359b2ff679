import assert from "node:assert/strict";
import type { StoredEntry } from "../../store/stored-entry.js";
import type { Case } from "./case.js";
import { describeOutcome, entryOf, numbers, statuses } from "../store-world.js";

function tombstone({ text: _, data: __, replyTo: ___, mentions: ____, ...entry }: StoredEntry): StoredEntry {
  return { ...entry, redacted: true };
}

/** How entries lose their bodies: {@link Draft.redaction} and {@link MessageStore.wipe}. */
export function redactionCases(prove: Case): void {
  prove("leaves a tombstone under the same id, and nothing of the body", async (world) => {
    await world.group("c", ["ana", "bo"]);
    const body = {
      kind: "x-poll",
      text: "secret",
      data: { secret: ["secret"] },
      replyTo: 1,
      mentions: ["bo"],
    };
    const said = await world.say("c", "ana", body);
    const after = await world.say("c", "bo");
    const outcome = await world.redact("c", { messageId: 2 });
    const entry = entryOf(outcome);
    assert.equal(outcome.status, "stored");
    assert.deepEqual(entry.data, { messageId: 2, previous: 0 });
    assert.equal(entry.ordinal, after.ordinal, "it does not count as unread");
    assert.deepEqual((await world.log("c")).slice(1), [tombstone(said), after, entry]);
  });

  prove("chains redactions, and names the newest everywhere", async (world) => {
    await world.group("c", ["ana", "bo"]);
    for (const _ of numbers(1, 3)) await world.say("c", "ana");
    assert.equal((await world.row("ana", "c")).lastRedaction, undefined);
    const first = entryOf(await world.redact("c", { messageId: 2 }));
    const second = entryOf(await world.redact("c", { messageId: 3 }));
    const third = entryOf(await world.redact("c", { userId: "bo", wipedThrough: 0 }));
    assert.deepEqual(second.data, { messageId: 3, previous: first.messageId });
    assert.deepEqual(third.data, { userId: "bo", previous: second.messageId });
    const last = third.messageId;
    assert.equal((await world.row("bo", "c")).lastRedaction, last);
    assert.equal((await world.store.messages.heads(["c"])).get("c")?.lastRedaction, last);
    assert.equal((await world.store.conversations.participation("bo", "c"))?.lastRedaction, last);
  });

  prove(
    "keeps the idempotency key: a resend gets the tombstone, and nothing is stored anew",
    async (world) => {
      await world.group("c", ["ana"]);
      const draft = world.draft("c", "ana");
      const said = await world.stored(draft);
      await world.redact("c", { messageId: said.messageId });
      const again = await world.append([draft]);
      assert.deepEqual(again, [{ status: "duplicate", entry: tombstone(said) }]);
      assert.deepEqual(await world.store.messages.find(draft), tombstone(said));
    },
  );

  prove("takes the snippet out of the rows of members and former members", async (world) => {
    await world.group("c", ["ana", "bo", "cy"]);
    await world.say("c", "ana", { text: "old" });
    const said = await world.say("c", "ana", { text: "secret" });
    await world.leave("c", "cy");
    const { cursor } = await world.list("bo");
    const former = await world.list("cy");
    await world.redact("c", { messageId: said.messageId });
    const { messageId, senderId, createdAt } = said;
    const latest = { messageId, senderId, createdAt, redacted: true };
    assert.deepEqual((await world.row("bo", "c")).latest, latest);
    assert.deepEqual((await world.row("cy", "c")).latest, latest);
    const hears = async (userId: string, since: string): Promise<unknown> =>
      (await world.changesSince(userId, since)).rows.map((row) => [row.latest, row.lastRedaction]);
    assert.deepEqual(await hears("bo", cursor), [[latest, 5]]);
    assert.deepEqual(await hears("cy", former.cursor), [[latest, 5]], "they hold what was redacted");
    const redacted = async (since: string): Promise<unknown> =>
      (await world.store.conversations.changes({ limit: 5, cursor: since })).conversations.map(
        (conversation) => conversation.redacted,
      );
    const after = await world.store.conversations.position();
    await world.say("c", "ana");
    assert.deepEqual([await redacted(cursor), await redacted(after)], [[true], [false]]);
  });

  prove("leaves the snippet of a newer message alone, and the list's order", async (world) => {
    await world.group("a", ["ana"]);
    await world.group("b", ["ana"]);
    const said = await world.say("a", "ana");
    await world.say("a", "ana", { text: "newer" });
    await world.say("b", "ana");
    await world.redact("a", { messageId: said.messageId });
    const { rows } = await world.list("ana");
    assert.deepEqual(
      rows.map(({ conversationId, latest }) => [conversationId, latest?.snippet]),
      [
        ["b", rows[0]!.latest!.snippet],
        ["a", "newer"],
      ],
    );
  });

  prove("redacts what the same call has stored", async (world) => {
    await world.group("c", ["ana"]);
    const { text: _, ...draft } = world.draft("c", "ana");
    const outcomes = await world.append([
      world.draft("c", "ana", { text: "secret" }),
      { ...draft, kind: "redacted", redaction: { messageId: 2 }, countsAsUnread: false },
    ]);
    assert.deepEqual(statuses(outcomes), ["stored", "stored"]);
    assert.equal((await world.log("c"))[1]!.text, undefined);
    assert.equal((await world.row("ana", "c")).latest?.snippet, undefined);
    assert.equal((await world.row("ana", "c")).latest?.redacted, true);
  });

  prove("refuses to redact what is no message; a tombstone may be redacted again", async (world) => {
    await world.group("c", ["ana"]);
    const said = await world.say("c", "ana");
    const redacted = entryOf(await world.redact("c", { messageId: said.messageId }));
    const refused = async (messageId: number): Promise<string> =>
      describeOutcome(await world.redact("c", { messageId }));
    assert.equal(await refused(1), "refused invalid_argument");
    assert.equal(await refused(redacted.messageId), "refused invalid_argument");
    assert.equal(await refused(99), "refused not_found");
    assert.equal(await refused(said.messageId), "stored");
    assert.deepEqual((await world.log("c"))[1], tombstone(said));
  });

  prove("wipes a user's bodies in batches, the lowest first, and no one else's", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.group("d", ["ana", "bo"]);
    for (const _ of numbers(1, 5)) {
      await world.say("c", "ana");
      await world.say("c", "bo");
    }
    const elsewhere = await world.say("d", "ana");
    await world.redact("c", { messageId: 4 });
    const wipeAll = async (): Promise<number> => {
      let wiped = 0;
      for (let after = 0; after < 12;) {
        const done = await world.store.messages.wipe({ conversationId: "c", userId: "ana", after, limit: 2 });
        assert.ok(done.wiped <= 2 && done.through > after);
        after = done.through;
        wiped += done.wiped;
        const left = (await world.log("c")).filter(({ messageId }) => messageId <= after);
        assert.ok(
          left.every(({ senderId, kind, redacted }) => senderId !== "ana" || kind !== "text" || redacted),
        );
      }
      return wiped;
    };
    assert.equal(await wipeAll(), 4);
    assert.equal(await wipeAll(), 0, "wiping again changes nothing");
    const log = await world.log("c");
    const left = (userId: string): readonly boolean[] =>
      log
        .filter((entry) => entry.senderId === userId && entry.kind === "text")
        .map(({ text }) => text !== undefined);
    assert.deepEqual(left("ana"), Array(5).fill(false));
    assert.deepEqual(left("bo"), Array(5).fill(true));
    assert.deepEqual(log[0]!.data, { members: ["ana", "bo"] }, "membership entries stay");
    assert.deepEqual((await world.log("d"))[1], elsewhere);
  });

  prove("wipes what an erasure finds above what was wiped, and the snippet", async (world) => {
    await world.group("c", ["ana", "bo"]);
    await world.say("c", "bo");
    for (const _ of numbers(1, 3)) await world.say("c", "ana", { text: "secret" });
    const { through } = await world.store.messages.wipe({
      conversationId: "c",
      userId: "ana",
      after: 0,
      limit: 2,
    });
    const erased = entryOf(await world.redact("c", { userId: "ana", wipedThrough: through }));
    assert.deepEqual(erased.data, { userId: "ana", previous: 0 });
    const log = await world.log("c");
    assert.ok(!JSON.stringify(log).includes("secret"));
    assert.equal(log[1]!.redacted, undefined);
    const { latest } = await world.row("bo", "c");
    assert.deepEqual([latest?.messageId, latest?.redacted, latest?.snippet], [5, true, undefined]);
  });

  prove("refuses an erasure that leaves too much to one commit", async (world) => {
    await world.group("c", ["ana"]);
    for (const _ of numbers(1, 3)) await world.append(numbers(1, 200).map(() => world.draft("c", "ana")));
    const outcome = await world.redact("c", { userId: "ana", wipedThrough: 0 });
    assert.equal(describeOutcome(outcome), "refused limit_exceeded");
    assert.equal((await world.log("c"))[1]!.redacted, undefined, "nothing was wiped");
  });
}
