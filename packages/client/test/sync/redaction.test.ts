import { ChatError } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { Cache } from "../../src/cache/cache.js";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import type { ChatClient } from "../../src/public-types.js";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

const ALL = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;

/** Everything that a device keeps, as text. */
async function kept(cache: Cache, conversationId: string): Promise<string> {
  return JSON.stringify([await cache.load(), await cache.read(conversationId, ALL)]);
}

/** A room of ana and bo in which bo said something that is to be redacted: entry 2. */
function room(options?: Parameters<typeof createWorld>[0]): { room: string; say(count: number): void } {
  world = createWorld(options);
  const { server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  server.post(room, "bo", "secret");
  const say = (count: number): void => {
    for (let index = 0; index < count; index++) server.post(room, "bo", `p${index}`);
  };
  return { room, say };
}

async function open(client: ChatClient, conversationId: string): Promise<void> {
  await world.clock.advance(1_000);
  void texts(client, conversationId);
  await world.clock.advance(1_000);
}

/** What a promise gives while time passes. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  const [result] = await Promise.allSettled([promise, world.clock.advance(100)]);
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

describe("redaction", () => {
  test("leaves a tombstone on every device: on the screen, in the row and in the cache", async () => {
    const { room: id } = room();
    const { clock } = world;
    const caches = { ana: world.cache(), bo: world.cache() };
    const ana = world.device("ana", { cache: caches.ana });
    const bo = world.device("bo", { cache: caches.bo });
    for (const client of [ana, bo]) await open(client, id);
    const keys = ana.conversations.get(id)!.timeline.messages.map(({ key }) => key);
    await soon(bo.conversations.get(id)!.redact(2));
    await clock.advance(100);
    for (const client of [ana, bo]) {
      const { timeline, summary } = client.conversations.get(id)!;
      const { messages } = timeline;
      expect(messages).toHaveLength(2);
      expect(messages[1]).toMatchObject({ messageId: 2, senderId: "bo", redacted: true, kind: "text" });
      expect(messages[1]).not.toHaveProperty("text");
      expect(summary.latest).toMatchObject({ messageId: 2, redacted: true });
      expect(summary.latest).not.toHaveProperty("snippet");
    }
    expect(ana.conversations.get(id)!.timeline.messages.map(({ key }) => key)).toEqual(keys);
    for (const cache of Object.values(caches)) expect(await kept(cache, id)).not.toContain("secret");
  });

  test("is refused to those who may not, and harmless when repeated", async () => {
    const { room: id } = room();
    const ana = world.device("ana");
    const bo = world.device("bo");
    for (const client of [ana, bo]) await open(client, id);
    world.server.post(id, "ana", "mine");
    await world.clock.advance(100);
    await expect(soon(bo.conversations.get(id)!.redact(3))).rejects.toMatchObject({ code: "forbidden" });
    await soon(ana.conversations.get(id)!.redact(2));
    await soon(ana.conversations.get(id)!.redact(2));
    await world.clock.advance(100);
    expect(texts(bo, id)).toEqual(["mine"]);
    expect(world.server.log(id)).toHaveLength(4);
  });

  test("reaches a device that was away for a little while", async () => {
    const { room: id, say } = room();
    const cache = world.cache();
    const ana = world.device("ana", { cache });
    await open(ana, id);
    ana.disconnect();
    say(10);
    world.server.redact(id, "bo", 2);
    say(10);
    ana.connect();
    await world.clock.advance(2_000);
    expect(texts(ana, id)).toHaveLength(20);
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test.each([
    ["in the hole", 40, 300],
    ["in the newest page", 330, 10],
    ["at the head", 340, 0],
  ])(
    "reaches a device that was away so long that a hole is left: the entry is %s",
    async (_, below, above) => {
      const { room: id, say } = room();
      const cache = world.cache();
      const ana = world.device("ana", { cache, catchUpEntries: 50 });
      await open(ana, id);
      ana.disconnect();
      say(below);
      world.server.redact(id, "bo", 2);
      say(above);
      ana.connect();
      await world.clock.advance(2_000);
      expect(ana.status.synced).toBe(true);
      expect(await kept(cache, id)).not.toContain("secret");
      const { timeline } = ana.conversations.get(id)!;
      while (timeline.hasOlder)
        await Promise.all([timeline.loadOlder({ limit: 200 }), world.clock.advance(500)]);
      expect(timeline.messages.filter(({ redacted }) => redacted)).toMatchObject([{ messageId: 2 }]);
      expect(timeline.messages).toHaveLength(342);
    },
  );

  test("alone on the screen has what is below it fetched", async () => {
    const { room: id, say } = room();
    say(3);
    // So many newer ones that this one is not looked at before it is opened.
    await world.clock.advance(1_000);
    for (let count = 0; count < 30; count++) {
      world.server.post(world.server.createGroup(["ana", "bo"], `newer ${count}`), "bo", "hi");
    }
    const ana = world.device("ana");
    await world.clock.advance(1_000);
    world.server.redact(id, "bo", 2);
    await world.clock.advance(1_000);
    void texts(ana, id);
    await world.clock.advance(2_000);
    expect(texts(ana, id)).toEqual(["p0", "p1", "p2"]);
  });

  test("does not hit what has the same id after a restored backup", async () => {
    const { room: id } = room();
    const backup = world.server.backup();
    const ana = world.device("ana");
    await open(ana, id);
    world.server.post(id, "bo", "to be redacted");
    world.server.redact(id, "bo", 3);
    await world.clock.advance(100);
    world.server.restore(backup);
    world.server.post(id, "bo", "another one");
    await world.clock.advance(10_000);
    expect(texts(ana, id)).toEqual(["secret", "another one"]);
  });

  test("keeps what lies below a hole in which nothing was redacted", async () => {
    const { room: id, say } = room();
    const cache = world.cache();
    world.server.redact(id, "bo", 2);
    world.server.post(id, "bo", "old");
    const ana = world.device("ana", { cache, catchUpEntries: 50 });
    await open(ana, id);
    ana.disconnect();
    say(300);
    world.server.redact(id, "bo", 250);
    ana.connect();
    await world.clock.advance(2_000);
    expect(await kept(cache, id)).toContain("old");
    expect(await cache.read(id, { ...ALL, before: 251, after: 249 })).toMatchObject([{ redacted: true }]);
  });

  test("forgets what two redactions in a hole, and one above it, may have hit", async () => {
    const { room: id, say } = room();
    const cache = world.cache();
    const ana = world.device("ana", { cache, catchUpEntries: 50 });
    await open(ana, id);
    ana.disconnect();
    say(100);
    world.server.redact(id, "bo", 2);
    say(300);
    world.server.redact(id, "bo", 390);
    ana.connect();
    await world.clock.advance(2_000);
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test("reaches who was no member when it happened, at the next connect or on coming back", async () => {
    const { room: id, say } = room();
    const caches = [world.cache(), world.cache()];
    const [away, gone] = caches.map((cache) => world.device("bo", { cache }));
    for (const client of [away!, gone!]) await open(client, id);
    await gone!.close();
    const backLater = caches[1]!;
    world.server.removeMembers(id, "ana", ["bo"]);
    await world.clock.advance(100);
    away!.disconnect();
    world.server.redact(id, "ana", 2);
    expect(await kept(caches[0]!, id)).toContain("secret");
    away!.connect();
    await world.clock.advance(2_000);
    expect(away!.status.synced).toBe(true);
    expect(await kept(caches[0]!, id)).not.toContain("secret");
    expect(away!.conversations.get(id)!.timeline.messages).toMatchObject([{}, { redacted: true }]);

    world.server.addMembers(id, "ana", ["bo"]);
    say(3);
    const back = world.device("bo", { cache: backLater });
    await open(back, id);
    expect(back.status.synced).toBe(true);
    expect(await kept(backLater, id)).not.toContain("secret");
  });

  test("reaches a former member whose application ended between the row and the log", async () => {
    const { room: id } = room();
    // More conversations than are compared on a first connect, whatever the change feed says.
    for (let index = 0; index < CLIENT_LIMITS.comparedConversations; index++) {
      world.server.post(world.server.createGroup(["ana", "bo"], `room ${index}`), "ana", "newer");
    }
    const cache = world.cache();
    const before = world.device("bo", { cache });
    await open(before, id);
    world.server.removeMembers(id, "ana", ["bo"]);
    // Long enough for a pong whose cursor is past that.
    await world.clock.advance(60_000);
    await before.close();
    world.server.redact(id, "ana", 2);
    world.server.faults.outgoing = ({ type }) => (type === "range" ? [] : [0]);
    const between = world.device("bo", { cache });
    await world.clock.advance(1_000);
    await between.close();
    world.server.faults.outgoing = undefined;
    expect(await kept(cache, id)).toContain("secret");
    const after = world.device("bo", { cache });
    await world.clock.advance(5_000);
    expect(after.status.synced).toBe(true);
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test("reaches a former member whose cursor is no longer good", async () => {
    const { room: id } = room();
    const other = world.server.createGroup(["ana", "bo"], "other");
    const cache = world.cache();
    const bo = world.device("bo", { cache });
    await open(bo, id);
    world.server.removeMembers(id, "ana", ["bo"]);
    await world.clock.advance(100);
    const backup = world.server.backup();
    world.server.post(other, "ana", "lost");
    await world.clock.advance(60_000);
    bo.disconnect();
    world.server.restore(backup);
    world.server.redact(id, "ana", 2);
    expect(await kept(cache, id)).toContain("secret");
    bo.connect();
    await world.clock.advance(5_000);
    expect(bo.status.synced).toBe(true);
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test("heard of from a page of history by a former member, makes what was held be fetched anew", async () => {
    const { room: id, say } = room();
    say(100);
    const bo = world.device("bo");
    await open(bo, id);
    world.server.removeMembers(id, "ana", ["bo"]);
    await world.clock.advance(100);
    world.server.redact(id, "ana", 2);
    const { timeline } = bo.conversations.get(id)!;
    for (let page = 0; page < 5 && timeline.hasOlder; page++) await soon(timeline.loadOlder());
    await world.clock.advance(2_000);
    expect(timeline.state).toBe("complete");
    expect(timeline.messages.map(({ messageId }) => messageId)).toEqual(
      Array.from({ length: 102 }, (_, index) => index + 1),
    );
    expect(timeline.messages[1]).toMatchObject({ messageId: 2, redacted: true });
  });

  test("is not undone by an answer that was read before it", async () => {
    const { room: id, say } = room();
    say(300);
    const cache = world.cache();
    const ana = world.device("ana", { cache });
    await open(ana, id);
    const { timeline } = ana.conversations.get(id)!;
    world.server.faults.outgoing = (frame) => (frame.type === "range" ? [1_000] : [0]);
    while (timeline.hasOlder) {
      const loaded = timeline.loadOlder({ limit: 200 });
      await world.clock.advance(100);
      if (!world.server.log(id)[1]!.redacted && timeline.messages[0]!.messageId! <= 202) {
        world.server.redact(id, "bo", 2);
      }
      await Promise.all([loaded, world.clock.advance(2_000)]);
    }
    expect(timeline.messages[1]).toMatchObject({ messageId: 2, redacted: true });
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test("is not undone by the sender's outbox: a resend is answered with the tombstone", async () => {
    const { room: id } = room();
    const cache = world.cache();
    const { server, clock } = world;
    const bo = world.device("bo", { cache });
    await open(bo, id);
    server.faults.outgoing = (frame) =>
      frame.type === "message-stored" || frame.type === "entries" ? [] : [0];
    await bo.conversations.get(id)!.send("oops, a secret");
    await clock.advance(100);
    server.cut("bo");
    server.redact(id, "ana", 2);
    server.redact(id, "ana", 3);
    server.faults.outgoing = undefined;
    await clock.advance(10_000);
    expect(bo.status).toMatchObject({ pending: 0, synced: true });
    expect(bo.conversations.get(id)!.timeline.messages.slice(1)).toMatchObject([
      { redacted: true },
      { redacted: true, state: "stored" },
    ]);
    expect(await kept(cache, id)).not.toContain("secret");
  });

  test("is not undone by a restored backup: who redacted does so again, and sends no tombstone", async () => {
    const { room: id } = room();
    const { server, clock } = world;
    const cache = world.cache();
    const bo = world.device("bo", { cache });
    await open(bo, id);
    const backup = server.backup();
    await bo.conversations.get(id)!.send("lost secret");
    await clock.advance(100);
    await soon(bo.conversations.get(id)!.redact(2));
    await soon(bo.conversations.get(id)!.redact(3));
    await clock.advance(100);
    server.restore(backup);
    await clock.advance(30_000);
    expect(JSON.stringify(server.log(id))).not.toContain("secret");
    expect(await kept(cache, id)).not.toContain("secret");
    expect(bo.status).toMatchObject({ pending: 0, synced: true });
  });

  test("waits for a connection, and gives up in time", async () => {
    const { room: id } = room();
    const ana = world.device("ana", { requestTimeout: 5_000 });
    await open(ana, id);
    ana.disconnect();
    const redacting = ana.conversations.get(id)!.redact(2);
    redacting.catch(() => {});
    await world.clock.advance(6_000);
    await expect(redacting).rejects.toBeInstanceOf(ChatError);
    await expect(redacting).rejects.toMatchObject({ code: "timeout" });
  });
});

describe("erasure", () => {
  test("takes every word of a user off every device, and no one else's", async () => {
    const { room: id, say } = room();
    say(60);
    const { server } = world;
    server.post(id, "ana", "a word of ana's");
    const cache = world.cache();
    const ana = world.device("ana", { cache });
    await open(ana, id);
    server.erase(id, "bo");
    server.post(id, "bo", "a new life");
    await world.clock.advance(1_000);
    const { timeline } = ana.conversations.get(id)!;
    while (timeline.hasOlder) await Promise.all([timeline.loadOlder(), world.clock.advance(500)]);
    expect(texts(ana, id)).toEqual(["a word of ana's", "a new life"]);
    expect(timeline.messages.filter(({ redacted }) => redacted)).toHaveLength(61);
    const all = await kept(cache, id);
    expect(all).not.toContain("secret");
    expect(all).not.toMatch(/"p\d+"/);
  });

  test("leaves no words of the user where a device was away for long", async () => {
    const { room: id, say } = room();
    const cache = world.cache();
    const ana = world.device("ana", { cache, catchUpEntries: 50 });
    await open(ana, id);
    ana.disconnect();
    say(100);
    world.server.erase(id, "bo");
    for (let index = 0; index < 300; index++) world.server.post(id, "ana", `a${index}`);
    ana.connect();
    await world.clock.advance(2_000);
    expect(ana.status.synced).toBe(true);
    expect(await kept(cache, id)).not.toContain("secret");
  });
});
