import { ChatError } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import type { ChatClient } from "../../src/public-types.js";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

function divergences(client: ChatClient): { above: number; resent: number }[] {
  const all: { above: number; resent: number }[] = [];
  client.on("diverged", ({ above, resent }) => all.push({ above, resent }));
  return all;
}

/**
 * Ana's device is off, and holds an entry of "room 0" that the store has lost. There are more conversations than a first connect compares;
 * who comes does not push the oldest up the list.
 */
async function restoreUncompared() {
  world = createWorld();
  const { clock, server } = world;
  for (let index = 0; index < CLIENT_LIMITS.comparedConversations + 10; index++) {
    server.createGroup(["ana", "bo"], `room ${index}`);
  }
  const cache = world.cache();
  const before = world.device("ana", { cache });
  await clock.advance(1_000);
  void texts(before, "room 0");
  await clock.advance(100);
  const backup = server.backup();
  server.addMembers("room 0", "bo", ["cy"]);
  await clock.advance(100);
  await before.close();
  server.restore(backup);
  return { clock, server, cache };
}

describe("a restored backup", () => {
  test("takes a device back to the common prefix, and its own messages are sent again, once, in order", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const caches = { ana: world.cache(), bo: world.cache() };
    const ana = world.device("ana", { cache: caches.ana });
    const bo = world.device("bo", { cache: caches.bo });
    await clock.advance(1_000);
    for (const client of [ana, bo]) void texts(client, room);
    const send = async (client: ChatClient, ...messages: string[]) => {
      for (const text of messages) await client.conversations.get(room)!.send(text);
      await clock.advance(100);
    };
    await send(ana, "a1");
    await send(bo, "b1");
    const backup = server.backup();
    await send(ana, "a2", "a3");
    await send(bo, "b2");
    await send(ana, "a4");
    const keys = ana.conversations.get(room)!.timeline.messages.map(({ key, text }) => [text, key]);
    const heard = { ana: divergences(ana), bo: divergences(bo) };
    server.restore(backup);
    await ana.conversations.get(room)!.send("a5");
    await clock.advance(10_000);
    const log = server.log(room).flatMap(({ text }) => text ?? []);
    expect(log.slice(0, 2)).toEqual(["a1", "b1"]);
    expect([...log].sort()).toEqual(["a1", "a2", "a3", "a4", "a5", "b1", "b2"]);
    expect(log.filter((text) => ["a2", "a3", "a4"].includes(text))).toEqual(["a2", "a3", "a4"]);
    for (const client of [ana, bo]) {
      expect(texts(client, room)).toEqual(log);
      expect(client.status).toMatchObject({ pending: 0, synced: true });
    }
    expect(heard).toEqual({ ana: [{ above: 3, resent: 3 }], bo: [{ above: 3, resent: 1 }] });
    // Their lines are the same ones still.
    const after = new Map(ana.conversations.get(room)!.timeline.messages.map(({ key, text }) => [text, key]));
    for (const [text, key] of keys) if (text?.startsWith("a")) expect(after.get(text)).toBe(key);
    for (const cache of Object.values(caches)) {
      const kept = await cache.read(room, { after: 0, before: Infinity, limit: 100, order: "ascending" });
      expect(kept.map(({ fingerprint }) => fingerprint)).toEqual(
        server.log(room).map((entry) => entry.fingerprint),
      );
      expect((await cache.load()).outbox).toEqual([]);
    }
  });

  test("is noticed when the server's log has grown past what is held", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    for (let count = 0; count < 20; count++) server.post(room, "bo", `p${count}`);
    const backup = server.backup();
    for (let count = 0; count < 20; count++) server.post(room, "bo", `lost ${count}`);
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    await clock.advance(100);
    const heard = divergences(client);
    client.disconnect();
    server.restore(backup);
    for (let count = 0; count < 40; count++) server.post(room, "bo", `new ${count}`);
    client.connect();
    await clock.advance(2_000);
    expect(heard).toEqual([{ above: 21, resent: 0 }]);
    expect(texts(client, room)).toEqual(
      server
        .log(room)
        .flatMap(({ text }) => text ?? [])
        .slice(-texts(client, room).length),
    );
    expect(texts(client, room).at(-1)).toBe("new 39");
    expect(client.conversations.get(room)!.timeline.state).toBe("complete");
  });

  test("gives a device's own lost messages back although one of the new history was redacted where they stood", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const ana = world.device("ana");
    await clock.advance(1_000);
    void texts(ana, room);
    server.post(room, "bo", "kept");
    await clock.advance(100);
    const backup = server.backup();
    for (const text of ["a1", "a2", "a3"]) await ana.conversations.get(room)!.send(text);
    await clock.advance(60_000);
    ana.disconnect();
    server.restore(backup);
    const { messageId } = server.post(room, "bo", "taken away");
    server.redact(room, "bo", messageId);
    for (const text of ["n1", "n2"]) server.post(room, "bo", text);
    ana.connect();
    await clock.advance(10_000);
    expect(server.log(room).flatMap(({ text }) => text ?? [])).toEqual([
      "kept",
      "n1",
      "n2",
      "a1",
      "a2",
      "a3",
    ]);
    expect(texts(ana, room).filter((text) => text !== undefined)).toEqual([
      "kept",
      "n1",
      "n2",
      "a1",
      "a2",
      "a3",
    ]);
  });

  test("is noticed where it lost what was pushed beyond the cursor that is kept", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    server.post(room, "bo", "kept");
    let pongs = 0;
    let cursor: string | undefined;
    server.faults.outgoing = (frame, session) => {
      if (frame.type !== "pong") return [0];
      cursor ??= frame.cursor;
      if (frame.cursor === cursor) {
        pongs++;
        return [0];
      }
      // The server's own reading of the feed lags behind.
      session.send(cursor === undefined ? frame : { ...frame, cursor });
      return [];
    };
    while (pongs < 1) await clock.advance(100);
    const backup = server.backup();
    server.post(room, "bo", "lost");
    while (pongs < 2) await clock.advance(100);
    expect(texts(client, room)).toEqual(["kept", "lost"]);
    server.restore(backup);
    await clock.advance(10_000);
    server.post(room, "bo", "instead");
    await clock.advance(10_000);
    expect(texts(client, room)).toEqual(["kept", "instead"]);
  });

  test.each([
    ["", false],
    [", also where a newer row overtakes the answer that says so", true],
  ])("is noticed of messages that a device has only heard of, by their row%s", async (_, isOvertaken) => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["bo", "ana"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    server.post(room, "bo", "kept");
    await clock.advance(100);
    const backup = server.backup();
    server.faults.outgoing = ({ type }) => (type === "entries" || type === "range" ? [] : [0]);
    for (let count = 0; count < 5; count++) server.post(room, "bo", `lost ${count}`);
    server.cut();
    await clock.advance(3_000);
    const { summary } = client.conversations.get(room)!;
    expect(summary).toMatchObject({ unreadCount: 6, latest: { messageId: 7, snippet: "lost 4" } });
    server.restore(backup);
    server.faults.outgoing = ({ type }) => (type === "conversation" ? [500] : [0]);
    let isCompared = false;
    server.faults.incoming = ({ type }) => {
      isCompared ||= type === "get-range";
      if (type !== "get-conversation" || !isCompared || !isOvertaken) return undefined;
      server.faults.incoming = undefined;
      clock.schedule(100, () => {
        server.removeMembers(room, "bo", ["ana"]);
        server.addMembers(room, "bo", ["ana"]);
      });
      return undefined;
    };
    await clock.advance(30_000);
    expect(server.faults.incoming === undefined).toBe(isOvertaken);
    const after = client.conversations.get(room)!.summary;
    expect(after).toMatchObject({ memberCount: 2, latest: { messageId: 2, snippet: "kept" } });
    expect(after.unreadCount).toBe(isOvertaken ? 0 : 1);
  });

  test("is noticed before anything live is put on top of what is lost", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    server.post(room, "bo", "kept");
    const backup = server.backup();
    for (let count = 0; count < 3; count++) server.post(room, "bo", `lost ${count}`);
    await clock.advance(100);
    server.restore(backup);
    // What could tell comes late, and the log grows past what was lost meanwhile.
    server.faults.outgoing = (frame) =>
      ["range", "conversation", "changes"].includes(frame.type) ? [500] : [0];
    while (client.status.connection !== "online") await clock.advance(5);
    for (let count = 0; count < 6; count++) {
      server.post(room, "bo", `new ${count}`);
      await clock.advance(10);
    }
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(server.log(room).flatMap(({ text }) => text ?? []));
  });

  test("brings back the membership that a lost removal had ended", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["bo", "ana"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    const backup = server.backup();
    server.removeMembers(room, "bo", ["ana"]);
    await clock.advance(100);
    expect(client.conversations.items).toEqual([]);
    server.restore(backup);
    await clock.advance(5_000);
    expect(client.conversations.items[0]!.summary).toMatchObject({ member: true, memberCount: 2 });
  });

  test("is noticed at the latest by an acknowledgement for a place that is taken", async () => {
    const { clock, cache } = await restoreUncompared();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    const conversation = client.conversations.get("room 0")!;
    expect(conversation.summary.memberCount).toBe(3);
    await conversation.send("mine");
    await clock.advance(5_000);
    void texts(client, "room 0");
    await clock.advance(100);
    expect(conversation.timeline.messages.map(({ messageId, text }) => [messageId, text])).toEqual([
      [1, undefined],
      [2, "mine"],
    ]);
    expect(conversation.summary.memberCount).toBe(2);
    expect(client.status.pending).toBe(0);
  });

  test("is noticed after an application that ended between the row and the log", async () => {
    const { clock, server, cache } = await restoreUncompared();
    server.addMembers("room 0", "bo", ["dan"]);
    server.faults.outgoing = ({ type }) => (type === "range" ? [] : [0]);
    const between = world.device("ana", { cache });
    await clock.advance(1_000);
    await between.close();
    server.faults.outgoing = undefined;
    world.device("ana", { cache });
    await clock.advance(5_000);
    const query = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;
    expect((await cache.read("room 0", query)).map(({ data }) => data)).toEqual(
      server.log("room 0").map(({ data }) => data),
    );
  });

  test("is noticed before older history of the server is put among what is lost", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["bo", "ana"], "room");
    const posts = (count: number, text: string) => {
      for (let index = 0; index < count; index++) server.post(room, "bo", `${text} ${index}`);
    };
    posts(4, "kept");
    const backup = server.backup();
    posts(8, "lost");
    const cache = world.cache();
    const client = world.device("ana", { cache, catchUpEntries: 10 });
    await clock.advance(1_000);
    void texts(client, room);
    client.disconnect();
    posts(500, "lost later");
    client.connect();
    await clock.advance(1_000);
    expect(texts(client, room)).toHaveLength(200);
    client.disconnect();
    const { timeline } = client.conversations.get(room)!;
    const loading = timeline.loadOlder({ limit: 200 });
    server.restore(backup);
    posts(400, "new");
    client.connect();
    await clock.advance(5_000);
    await loading;
    while (timeline.hasOlder) {
      const more = timeline.loadOlder({ limit: 200 });
      await clock.advance(50);
      await more;
    }
    expect(texts(client, room)).toEqual(server.log(room).flatMap(({ text }) => text ?? []));
    const kept = await cache.read(room, { after: 0, before: Infinity, limit: Infinity, order: "ascending" });
    expect(kept.map(({ text }) => text)).toEqual(server.log(room).map(({ text }) => text));
  });

  test("is noticed before an island is fetched above it", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const backup = server.backup();
    server.post(room, "bo", "lost");
    const client = world.device("ana", { catchUpEntries: 10 });
    await clock.advance(1_000);
    void texts(client, room);
    client.disconnect();
    server.restore(backup);
    for (let count = 0; count < 500; count++) server.post(room, "bo", `new ${count}`);
    client.connect();
    await clock.advance(2_000);
    const { timeline } = client.conversations.get(room)!;
    while (timeline.hasOlder) {
      const loading = timeline.loadOlder({ limit: 200 });
      await clock.advance(50);
      await loading;
    }
    expect(texts(client, room)).toEqual(server.log(room).flatMap(({ text }) => text ?? []));
  });

  test("in which nothing happened since is noticed too, by a device that was restarted", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    const backup = server.backup();
    // Stored and acknowledged after the last cursor.
    await before.conversations.get(room)!.send("mine");
    await clock.advance(100);
    expect(before.status.pending).toBe(0);
    await before.close();
    server.restore(backup);
    expect(server.log(room)).toHaveLength(1);
    const after = world.device("ana", { cache });
    await clock.advance(2_000);
    expect(server.log(room).map(({ text }) => text)).toEqual([undefined, "mine"]);
    expect(after.status.pending).toBe(0);
  });

  test("puts what is lost before what waits", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    const conversation = client.conversations.get(room)!;
    const backup = server.backup();
    for (const text of ["lost 1", "lost 2"]) await conversation.send(text);
    await clock.advance(100);
    server.restore(backup);
    server.faults.incoming = (frame) =>
      frame.type === "send-message" ? new ChatError("store_unavailable", "busy") : undefined;
    for (const text of ["waits 1", "waits 2"]) await conversation.send(text);
    await clock.advance(5_000);
    expect(texts(client, room)).toEqual(["(lost 1)", "(lost 2)", "(waits 1)", "(waits 2)"]);
    server.faults.incoming = undefined;
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(["lost 1", "lost 2", "waits 1", "waits 2"]);
  });

  test("leaves out a reply to what is lost", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    const conversation = client.conversations.get(room)!;
    await conversation.send("kept");
    await clock.advance(100);
    const backup = server.backup();
    await conversation.send("lost");
    await conversation.send({ text: "to kept", replyTo: 2 });
    await conversation.send({ text: "to lost", replyTo: 3 });
    await clock.advance(100);
    server.restore(backup);
    await clock.advance(5_000);
    expect(server.log(room).map(({ text, replyTo }) => [text, replyTo])).toEqual([
      [undefined, undefined],
      ["kept", undefined],
      ["lost", undefined],
      ["to kept", 2],
      ["to lost", undefined],
    ]);
  });
});

describe("another epoch", () => {
  test("does not take an acknowledgement of the old one for one of the new", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const empty = server.backup();
    const client = world.device("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "entries" || frame.type === "range" ? [] : [0]);
    server.post(room, "bo", "unseen");
    await client.conversations.get(room)!.send("mine");
    await clock.advance(100);
    expect(client.status.pending).toBe(1);
    server.faults.outgoing = undefined;
    server.changeEpoch(empty);
    await clock.advance(5_000);
    expect(server.log(room).map(({ text }) => text)).toEqual([undefined, "mine"]);
    expect(client.status.pending).toBe(0);
  });

  test("in which the user has left a conversation, too, shows what they may still see of it", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["bo", "ana"], "room");
    server.post(room, "bo", "still visible");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    server.removeMembers(room, "bo", ["ana"]);
    await clock.advance(100);
    server.changeEpoch(server.backup());
    await clock.advance(5_000);
    expect(client.conversations.get(room)!.summary.member).toBe(false);
    expect(texts(client, room)).toEqual(["still visible"]);
  });

  test("makes the device forget everything but its id and its outbox", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["ana", "bo"], "room");
    server.createGroup(["ana", "bo"], "gone");
    server.post("room", "bo", "old");
    const cache = world.cache();
    const client = world.device("ana", { cache });
    const heard = divergences(client);
    await clock.advance(1_000);
    for (const room of ["room", "gone"]) void texts(client, room);
    client.users.get("bo");
    await clock.advance(100);
    const { deviceId } = (await cache.load()).meta;
    const conversation = client.conversations.get("room")!;
    client.disconnect();
    await conversation.send("waiting");
    server.changeEpoch();
    server.createGroup(["bo", "ana"], "room");
    server.post("room", "bo", "new");
    client.connect();
    await clock.advance(2_000);
    expect(client.conversations.items).toEqual([conversation]);
    expect(texts(client, "room")).toEqual(server.log("room").flatMap(({ text }) => text ?? []));
    expect(texts(client, "room").sort()).toEqual(["new", "waiting"]);
    expect(texts(client, "gone")).toEqual([]);
    expect(heard).toEqual([]);
    const kept = await cache.load();
    expect(kept.meta.deviceId).toBe(deviceId);
    expect(kept.meta.epoch).toBeDefined();
    expect(kept.outbox).toEqual([]);
    expect(kept.conversations.map(({ row }) => row.conversationId)).toEqual(["room"]);
    const entries = await cache.read("room", { after: 0, before: Infinity, limit: 10, order: "ascending" });
    expect(entries.map(({ fingerprint }) => fingerprint)).toEqual(
      server.log("room").map((entry) => entry.fingerprint),
    );
  });
});
