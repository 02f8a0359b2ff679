import { ChatError, type ClientFrame } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { Cache } from "../../src/cache/cache.js";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

function requests<T extends ClientFrame["type"]>(type: T): Extract<ClientFrame, { type: T }>[] {
  return world.server.received
    .flatMap(({ frames }) => frames)
    .filter((frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type);
}

function fillRoom(room: string, count: number, from = 1): string[] {
  const all = Array.from({ length: count }, (_, index) => `p${from + index}`);
  for (const text of all) world.server.post(room, "bo", text);
  return all;
}

async function rangesOf(cache: Cache, room: string) {
  const { conversations } = await cache.load();
  return conversations.find(({ row }) => row.conversationId === room)?.ranges;
}

test("a row that can't be had is told of once, by its own reason, and the sync goes on", async () => {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"]);
  const client = world.device("ana");
  const errors: string[] = [];
  client.on("error", ({ code }) => errors.push(code));
  await clock.advance(1_000);
  // No cursor vouches for it yet: after the cut its row is asked for.
  server.post(room, "bo", "hello");
  await clock.advance(100);
  let refusals = 2;
  server.faults.incoming = ({ type }) =>
    type === "get-conversation" && refusals-- > 0 ? new ChatError("forbidden", "not now") : undefined;
  server.cut();
  await clock.advance(30_000);
  expect(refusals).toBe(-1);
  expect(errors).toEqual(["forbidden", "forbidden"]);
  expect(client.status.synced).toBe(true);
});

describe("the first sync", () => {
  test("lists everything, newest first, and fetches the newest page of the newest conversations only", async () => {
    world = createWorld();
    const { clock, server } = world;
    const rooms = Array.from({ length: 450 }, (_, index) =>
      server.createGroup(["ana", "bo"], `room ${index}`),
    );
    for (const room of rooms.slice(-3)) fillRoom(room, 100);
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(5_000);
    expect(client.status.synced).toBe(true);
    expect(client.conversations.items.map(({ id }) => id)).toEqual(rooms.reverse());
    expect(requests("list-conversations")).toHaveLength(3);
    expect(requests("get-range")).toHaveLength(CLIENT_LIMITS.prefetchConversations);
    expect(await rangesOf(cache, rooms[0]!)).toEqual([{ from: 72, to: 101 }]);
    expect(await rangesOf(cache, rooms[CLIENT_LIMITS.prefetchConversations]!)).toEqual([]);
    expect(client.conversations.items[0]!.summary.latest).toMatchObject({ snippet: "p100", senderId: "bo" });
  });

  test("keeps the cursor of its first page, and that only when it is through", async () => {
    world = createWorld();
    const { clock, server } = world;
    for (let index = 0; index < 300; index++) server.createGroup(["ana", "bo"], `room ${index}`);
    const cache = world.cache();
    server.faults.incoming = (frame) =>
      frame.type === "list-conversations" && frame.page !== undefined ? "lost" : undefined;
    world.device("ana", { cache });
    await clock.advance(1_000);
    expect((await cache.load()).conversations).toHaveLength(200);
    expect((await cache.load()).meta.cursor).toBeUndefined();
    server.createGroup(["ana", "bo"], "meanwhile");
    server.faults.incoming = undefined;
    server.cut();
    await clock.advance(5_000);
    expect((await cache.load()).conversations).toHaveLength(301);
    expect((await cache.load()).meta.cursor).toBeDefined();
  });

  test("misses nothing that changed between two pages", async () => {
    world = createWorld();
    const { clock, server } = world;
    for (let index = 0; index < 300; index++) server.createGroup(["ana", "bo"], `room ${index}`);
    server.faults.outgoing = (frame) => (frame.type === "entries" ? [] : [0]);
    let moved = false;
    server.faults.incoming = (frame) => {
      if (frame.type !== "list-conversations" || frame.page === undefined || moved) return undefined;
      moved = true;
      server.post("room 299", "bo", "between");
      return undefined;
    };
    const client = world.device("ana");
    await clock.advance(1_000);
    expect(moved).toBe(true);
    expect(client.conversations.get("room 299")!.summary.latest?.snippet).toBe("between");
  });

  test("forgets conversations that are no longer the user's", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["ana", "bo"], "stays");
    server.createGroup(["ana", "bo"], "left");
    const lost = server.backup();
    server.createGroup(["ana", "bo"], "unknown");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    await before.close();
    // A cursor that the store has lost makes the device list everything anew.
    server.restore(lost);
    server.removeMembers("left", "bo", ["ana"]);
    const after = world.device("ana", { cache });
    await clock.advance(5_000);
    expect(after.conversations.items.map(({ id }) => id)).toEqual(["stays"]);
    expect(after.conversations.get("left")!.summary.member).toBe(false);
    expect((await cache.load()).conversations.map(({ row }) => row.conversationId).sort()).toEqual([
      "left",
      "stays",
    ]);
  });
});

describe("a reconnect", () => {
  test("asks for changes since the cursor, and catches up without a hole when little is missing", async () => {
    world = createWorld();
    const { clock, server } = world;
    const [room, quiet] = [server.createGroup(["ana", "bo"], "room"), server.createGroup(["ana"], "quiet")];
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(client, room);
    await clock.advance(10);
    client.disconnect();
    const missed = fillRoom(room, 500);
    expect(client.conversations.get(room)!.timeline.state).toBe("complete");
    const before = world.server.received.length;
    client.connect();
    await clock.advance(2_000);
    expect(texts(client, room)).toEqual(missed);
    expect(await rangesOf(cache, room)).toEqual([{ from: 1, to: 501 }]);
    const asked = world.server.received.slice(before).flatMap(({ frames }) => frames);
    expect(asked.filter(({ type }) => type === "list-conversations")).toEqual([]);
    expect(asked.filter((frame) => frame.type === "get-range" && frame.conversationId === quiet).length).toBe(
      1,
    );
    expect(client.conversations.items.map(({ id }) => id)).toEqual([room, quiet]);
  });

  test("fetches the newest page as an island when much is missing, and scrolling fills the hole", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const first = fillRoom(room, 10);
    const cache = world.cache();
    const client = world.device("ana", { cache, catchUpEntries: 300 });
    await clock.advance(1_000);
    void texts(client, room);
    client.disconnect();
    const missed = fillRoom(room, 1_000, 11);
    server.faults.outgoing = (frame) => (frame.type === "range" ? [300] : [0]);
    client.connect();
    await clock.advance(400);
    missed.push(...fillRoom(room, 3, 1_011));
    await clock.advance(2_000);
    server.faults.outgoing = undefined;
    const { timeline } = client.conversations.get(room)!;
    expect(texts(client, room)).toEqual(missed.slice(-203));
    expect(timeline).toMatchObject({ state: "complete", hasOlder: true });
    expect(await rangesOf(cache, room)).toEqual([
      { from: 1, to: 12 },
      { from: 812, to: 1_014 },
    ]);
    while (timeline.hasOlder) {
      const loading = timeline.loadOlder({ limit: 100 });
      await clock.advance(50);
      await loading;
    }
    expect(texts(client, room)).toEqual([...first, ...missed]);
    expect(await rangesOf(cache, room)).toEqual([{ from: 1, to: 1_014 }]);
  });

  test("does not keep a cursor for what could not be fetched", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    client.disconnect();
    const { cursor } = (await cache.load()).meta;
    const missed = fillRoom(room, 50);
    server.faults.incoming = (frame) =>
      frame.type === "get-range" ? new ChatError("store_unavailable", "busy") : undefined;
    client.connect();
    await clock.advance(10_000);
    expect(client.status.synced).toBe(false);
    expect((await cache.load()).meta.cursor).toBe(cursor);
    server.cut();
    await clock.advance(10_000);
    expect((await cache.load()).meta.cursor).toBe(cursor);
    await client.close();
    server.faults.incoming = undefined;
    const after = world.device("ana", { cache });
    await clock.advance(2_000);
    void texts(after, room);
    await clock.advance(100);
    expect(texts(after, room)).toEqual(missed);
  });

  test("brings conversations that are new, and says which the user has left", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["bo", "ana"], "old");
    const client = world.device("ana");
    await clock.advance(1_000);
    client.disconnect();
    server.removeMembers("old", "bo", ["ana"]);
    server.createGroup(["bo", "ana"], "new");
    client.connect();
    await clock.advance(1_000);
    expect(client.conversations.items.map(({ id }) => id)).toEqual(["new"]);
    expect(client.conversations.get("old")!.summary.member).toBe(false);
  });

  test.each([
    ["a removal", true],
    ["an addition", false],
  ])("a row that %s has overtaken undoes nothing", async (_, isMember) => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["bo", "ana"], "room");
    const change = (): void =>
      isMember ? server.removeMembers(room, "bo", ["ana"]) : server.addMembers(room, "bo", ["ana"]);
    if (!isMember) server.removeMembers(room, "bo", ["ana"]);
    const client = world.device("ana");
    await clock.advance(1_000);
    client.disconnect();
    if (isMember) server.post(room, "bo", "missed");
    else {
      server.addMembers(room, "bo", ["ana"]);
      server.removeMembers(room, "bo", ["ana"]);
    }
    client.connect();
    server.faults.outgoing = (frame) => (frame.type === "changes" ? [500] : [0]);
    await clock.advance(400);
    change();
    await clock.advance(50);
    expect(client.conversations.get(room)?.summary.member).toBe(!isMember);
    await clock.advance(2_000);
    expect(client.conversations.get(room)?.summary.member).toBe(!isMember);
  });

  test("keeps conversations in the order of their activity, live or not", async () => {
    world = createWorld({ heartbeatInterval: 500 });
    const { clock, server } = world;
    const rooms = ["a", "b", "c", "d"].map((id) => server.createGroup(["ana", "bo"], id));
    const cache = world.cache();
    let client = world.device("ana", { cache });
    await clock.advance(1_000);
    const shown = () => client.conversations.items.map(({ id }) => id).join("");
    for (const room of [...rooms, "a", "c", "b"]) {
      server.post(room, "bo", "x");
      await clock.advance(100);
    }
    expect(shown()).toBe("bcad");
    // A pong's cursor vouches for all that.
    await clock.advance(1_000);
    client.disconnect();
    server.post("d", "bo", "x");
    server.post("a", "bo", "x");
    client.connect();
    // Another one moves while the changes are on their way.
    server.faults.outgoing = (frame) => (frame.type === "changes" ? [500] : [0]);
    await clock.advance(400);
    server.post("c", "bo", "x");
    await clock.advance(2_000);
    expect(shown()).toBe("cadb");
    await client.close();
    client = world.device("ana", { cache });
    client.disconnect();
    await clock.advance(100);
    expect(shown()).toBe("cadb");
  });
});

test("a conversation that moves while the changes are on their way stays above them", async () => {
  world = createWorld({ heartbeatInterval: 500 });
  const { clock, server } = world;
  server.createGroup(["ana", "bo"], "quiet");
  for (let index = 0; index < 25; index++) server.createGroup(["ana", "bo"], `room ${index}`);
  const client = world.device("ana");
  await clock.advance(3_000);
  client.disconnect();
  for (let index = 0; index < 5; index++) server.post(`room ${index}`, "bo", "missed");
  server.faults.outgoing = (frame) => (frame.type === "changes" ? [500] : [0]);
  client.connect();
  await clock.advance(400);
  server.post("quiet", "bo", "live");
  await clock.advance(2_000);
  expect(client.conversations.items.slice(0, 3).map(({ id }) => id)).toEqual(["quiet", "room 4", "room 3"]);
});

describe("live spans", () => {
  test.each([
    ["doubled", () => [0, 30]],
    ["overtaking one another", () => [world.server.log("room").length % 3 === 0 ? 40 : 0]],
    ["partly lost", () => (world.server.log("room").length % 3 === 0 ? [] : [0])],
  ] as const)("that come %s end in order, each once", async (_, deliveries) => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    const heard: string[] = [];
    client.on("message", ({ message }) => heard.push(message.text!));
    await clock.advance(1_000);
    void texts(client, room);
    server.faults.outgoing = (frame) => (frame.type === "entries" ? deliveries() : [0]);
    const all: string[] = [];
    for (let index = 1; index <= 31; index++) {
      server.post(room, "bo", `p${index}`);
      all.push(`p${index}`);
      await clock.advance(10);
    }
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(all);
    expect(heard).toEqual(all);
  });

  test("a lost last one is found by the heartbeat, and its cursor is kept then", async () => {
    world = createWorld({ heartbeatInterval: 10_000 });
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(client, room);
    server.faults.outgoing = (frame) => (frame.type === "entries" ? [] : [0]);
    server.post(room, "bo", "quiet");
    await clock.advance(100);
    expect(texts(client, room)).toEqual([]);
    const { cursor } = (await cache.load()).meta;
    server.faults.incoming = (frame) => (frame.type === "get-range" ? "lost" : undefined);
    await clock.advance(15_000);
    expect((await cache.load()).meta.cursor).toBe(cursor);
    server.faults.incoming = (frame) => (frame.type === "ping" ? undefined : "lost");
    server.cut();
    await clock.advance(5_000);
    expect((await cache.load()).meta.cursor).toBe(cursor);
    server.faults.incoming = undefined;
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(["quiet"]);
    expect((await cache.load()).meta.cursor).not.toBe(cursor);
  });

  test("beyond a gap wait for one fill; too many of them are dropped and fetched", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana", { catchUpEntries: 10_000 });
    await clock.advance(1_000);
    void texts(client, room);
    const before = requests("get-range").length;
    server.faults.outgoing = (frame) =>
      frame.type === "range" ? [3_000] : frame.type === "entries" && frame.through === 2 ? [] : [0];
    const all = fillRoom(room, CLIENT_LIMITS.reorderEntries + 500);
    await clock.advance(2_000);
    expect(requests("get-range")).toHaveLength(before + 1);
    expect(texts(client, room)).toEqual([]);
    expect(client.conversations.get(room)!.timeline.state).toBe("filling");
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(all);
    // What was dropped had to be fetched.
    expect(requests("get-range").length - before).toBeGreaterThan(3);
  });

  test("for a conversation of which nothing is held begin a range", async () => {
    world = createWorld();
    const { clock, server } = world;
    for (let index = 0; index < 30; index++) server.createGroup(["ana", "bo"], `room ${index}`);
    fillRoom("room 0", 100);
    for (let index = 1; index < 30; index++) fillRoom(`room ${index}`, 1);
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    expect(await rangesOf(cache, "room 0")).toEqual([]);
    server.post("room 0", "bo", "live");
    await clock.advance(100);
    expect(await rangesOf(cache, "room 0")).toEqual([{ from: 102, to: 102 }]);
    expect(client.conversations.items[0]!.summary).toMatchObject({
      id: "room 0",
      latest: { snippet: "live" },
    });
    // Opened offline, it shows what is held, and that there is more.
    client.disconnect();
    void texts(client, "room 0");
    await clock.advance(10);
    expect(texts(client, "room 0")).toEqual(["live"]);
    expect(client.conversations.get("room 0")!.timeline.hasOlder).toBe(true);
  });

  test("are not all that a conversation shows which was never read here", async () => {
    world = createWorld();
    const { clock, server } = world;
    const rooms = Array.from({ length: CLIENT_LIMITS.prefetchConversations + 1 }, (_, index) =>
      server.createGroup(["ana", "bo"], `room ${index}`),
    );
    const missed = fillRoom(rooms[0]!, 100);
    for (const room of rooms.slice(1)) fillRoom(room, 1);
    const client = world.device("ana");
    await clock.advance(1_000);
    server.post(rooms[0]!, "bo", "live");
    await clock.advance(100);
    void texts(client, rooms[0]!);
    await clock.advance(100);
    expect(texts(client, rooms[0]!)).toEqual([...missed.slice(-CLIENT_LIMITS.prefetchEntries), "live"]);
  });

  test("for a conversation that is unknown make the device ask for it", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "conversation-changed" ? [] : [0]);
    server.createGroup(["bo", "ana"], "new", "A name");
    server.post("new", "bo", "hello");
    await clock.advance(100);
    void texts(client, "new");
    await clock.advance(100);
    expect(client.conversations.items[0]!.summary).toMatchObject({ name: "A name", memberCount: 2 });
    expect(texts(client, "new")).toEqual(["hello"]);
  });

  test("membership: counted along, lost or not; a removed member gets no more, and may come back", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["bo", "ana"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, "room");
    const summary = () => client.conversations.get("room")!.summary;
    server.addMembers("room", "bo", ["cy", "di"]);
    await clock.advance(100);
    expect(summary()).toMatchObject({ memberCount: 4, member: true });
    server.removeMembers("room", "bo", ["di"]);
    await clock.advance(100);
    expect(summary().memberCount).toBe(3);
    server.removeMembers("room", "bo", ["ana"]);
    server.post("room", "bo", "among us");
    await clock.advance(100);
    expect(summary()).toMatchObject({ member: false });
    expect(client.conversations.items).toEqual([]);
    server.addMembers("room", "bo", ["ana"]);
    server.post("room", "bo", "welcome back");
    await clock.advance(1_000);
    expect(summary()).toMatchObject({ member: true, memberCount: 3 });
    expect(texts(client, "room")).toEqual(["welcome back"]);
    const { timeline } = client.conversations.get("room")!;
    expect(timeline.messages.map(({ messageId }) => messageId)).toEqual([1, 2, 3, 6, 7]);
    expect(timeline.state).toBe("complete");
  });
});

describe("a fill", () => {
  test("ends when what was announced does not exist, and asks no more", async () => {
    world = createWorld({ heartbeatInterval: 5_000 });
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    let lies = 0;
    server.faults.outgoing = (frame, session) => {
      if (frame.type !== "pong" || lies > 0) return [0];
      lies++;
      session.send({ ...frame, heads: [{ conversationId: room, head: 50 }] });
      return [];
    };
    const before = requests("get-range").length;
    await clock.advance(60_000);
    expect(lies).toBe(1);
    expect(requests("get-range").length - before).toBe(1);
    expect(client.conversations.get(room)!.timeline.state).toBe("complete");
  });

  test("that fails is tried again with backoff while connected", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    server.faults.incoming = (frame) =>
      frame.type === "get-range" ? new ChatError("store_unavailable", "busy") : undefined;
    server.faults.outgoing = (frame) => (frame.type === "entries" && frame.through === 2 ? [] : [0]);
    const before = requests("get-range").length;
    const all = fillRoom(room, 3);
    await clock.advance(30_000);
    expect(requests("get-range").length - before).toBeGreaterThan(3);
    expect(requests("get-range").length - before).toBeLessThan(30);
    server.faults.incoming = undefined;
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(all);
  });

  test("leaves a timeline with a gap while offline", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    server.faults.outgoing = (frame) =>
      frame.type === "range" || (frame.type === "entries" && frame.through === 2) ? [] : [0];
    fillRoom(room, 3);
    await clock.advance(100);
    const { timeline } = client.conversations.get(room)!;
    expect(timeline.state).toBe("filling");
    client.disconnect();
    await clock.advance(100);
    expect(timeline.state).toBe("gap");
  });

  test("works for a bounded number of conversations at once", async () => {
    world = createWorld();
    const { clock, server } = world;
    const rooms = Array.from({ length: 20 }, (_, index) =>
      server.createGroup(["ana", "bo"], `room ${index}`),
    );
    const client = world.device("ana");
    await clock.advance(1_000);
    client.disconnect();
    for (const room of rooms) fillRoom(room, 3);
    server.faults.outgoing = (frame) => (frame.type === "range" ? [1_000] : [0]);
    const before = requests("get-range").length;
    client.connect();
    await clock.advance(800);
    expect(requests("get-range").length - before).toBe(CLIENT_LIMITS.parallelFills);
    await clock.advance(60_000);
    expect(client.status.synced).toBe(true);
  });
});

describe("a timeline", () => {
  test("opens from the cache first, then loads older pages from it, then from the server", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const all = fillRoom(room, 250);
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(before, room);
    await clock.advance(100);
    for (let page = 0; page < 2; page++) {
      const loading = before.conversations.get(room)!.timeline.loadOlder();
      await clock.advance(50);
      await loading;
    }
    await before.close();
    const client = world.device("ana", { cache });
    client.disconnect();
    await clock.advance(100);
    const { timeline } = client.conversations.get(room)!;
    expect(timeline.messages).toEqual([]);
    expect(timeline.state).toBe("filling");
    await clock.advance(1);
    expect(texts(client, room)).toEqual(all.slice(-50));
    expect(timeline).toMatchObject({ state: "complete", hasOlder: true });
    await timeline.loadOlder({ limit: 20 });
    expect(texts(client, room)).toEqual(all.slice(-70));
    await timeline.loadOlder({ limit: 200 });
    expect(texts(client, room)).toEqual(all.slice(-130));
    // Further back there is nothing on this device.
    const refused = expect(timeline.loadOlder()).rejects.toMatchObject({ code: "timeout" });
    await clock.advance(31_000);
    await refused;
    expect(timeline.hasOlder).toBe(true);
    client.connect();
    await clock.advance(1_000);
    const loading = timeline.loadOlder({ limit: 200 });
    expect(timeline.state).toBe("filling");
    await clock.advance(50);
    await loading;
    expect(texts(client, room)).toEqual(all);
    expect(timeline).toMatchObject({ state: "complete", hasOlder: false });
  });

  test("of a conversation that nobody opened costs no requests, and opens with the newest page", async () => {
    world = createWorld();
    const { clock, server } = world;
    for (let index = 0; index < 25; index++) server.createGroup(["ana", "bo"], `room ${index}`);
    const all = fillRoom("room 0", 80);
    for (let index = 1; index < 25; index++) fillRoom(`room ${index}`, 1);
    const client = world.device("ana");
    await clock.advance(1_000);
    expect(requests("get-range").filter(({ conversationId }) => conversationId === "room 0")).toEqual([]);
    const { timeline } = client.conversations.get("room 0")!;
    let told = 0;
    timeline.subscribe(() => told++);
    await clock.advance(100);
    expect(told).toBeGreaterThan(0);
    expect(texts(client, "room 0")).toEqual(all.slice(-CLIENT_LIMITS.pageEntries));
    expect(timeline.state).toBe("complete");
  });

  test("keeps entries of kinds that it does not know, and does not show them", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const client = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(client, room);
    server.post(room, "bo", "a", { kind: "reaction" });
    server.post(room, "bo", "b", { kind: "x-poll", data: { question: "?" } });
    await clock.advance(100);
    expect(client.conversations.get(room)!.timeline.messages.map(({ kind }) => kind)).toEqual([
      "created",
      "x-poll",
    ]);
    expect(await rangesOf(cache, room)).toEqual([{ from: 1, to: 3 }]);
  });

  test("gives a request up when its caller does", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    fillRoom(room, 100);
    const client = world.device("ana");
    await clock.advance(1_000);
    const { timeline } = client.conversations.get(room)!;
    void timeline.messages;
    await clock.advance(100);
    client.disconnect();
    const controller = new AbortController();
    const loading = expect(timeline.loadOlder({ signal: controller.signal })).rejects.toMatchObject({
      code: "aborted",
    });
    await clock.advance(100);
    controller.abort();
    await loading;
    expect(timeline.state).toBe("complete");
  });
});
