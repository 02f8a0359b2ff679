import { type ChatError, createServerCodec } from "@chat/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createChatClient } from "../src/index.js";
import { createWorld, texts, type World } from "./world.js";

let world: World;
afterEach(() => world.close());

describe("snapshots", () => {
  test("are the same objects until something changes", async () => {
    world = createWorld({ heartbeatInterval: 5_000 });
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room", "A room");
    const other = server.createGroup(["ana", "bo"], "other");
    const client = world.device("ana");
    await clock.advance(1_000);
    const conversation = client.conversations.get(room)!;
    void conversation.timeline.messages;
    client.users.get("bo");
    await clock.advance(100);
    const look = () => ({
      status: client.status,
      items: client.conversations.items,
      summary: conversation.summary,
      otherSummary: client.conversations.get(other)!.summary,
      messages: conversation.timeline.messages,
      user: client.users.get("bo"),
    });
    const before = look();
    expect(client.conversations.get(room)).toBe(conversation);
    await clock.advance(30_000);
    for (const [name, value] of Object.entries(look())) expect(value, name).toBe(before[name as "status"]);
    for (const value of Object.values(before)) expect(Object.isFrozen(value)).toBe(true);
    server.post(room, "bo", "hello");
    await clock.advance(100);
    const after = look();
    expect(after.otherSummary).toBe(before.otherSummary);
    expect(after.user).toBe(before.user);
    expect(after.status).toBe(before.status);
    for (const name of ["items", "summary", "messages"] as const) expect(after[name]).not.toBe(before[name]);
    expect(after.messages.slice(0, -1)).toEqual(before.messages);
    expect(after.messages[0]).toBe(before.messages[0]);
    expect(Object.isFrozen(after.messages[1])).toBe(true);
    // A reconnect that brings nothing new leaves them alone.
    server.cut();
    await clock.advance(5_000);
    for (const name of ["items", "summary", "messages"] as const) expect(look()[name]).toBe(after[name]);
  });

  test("are consistent when listeners are told, and they are told once for what happens together", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    const { timeline } = client.conversations.get(room)!;
    void timeline.messages;
    await clock.advance(100);
    const seen: [number, string | undefined][] = [];
    timeline.subscribe(() =>
      seen.push([timeline.messages.length, client.conversations.get(room)!.summary.latest?.snippet]),
    );
    for (let count = 1; count <= 10; count++) server.post(room, "bo", `p${count}`);
    await clock.advance(100);
    expect(seen).toEqual([[11, "p10"]]);
  });

  test("stay as they were when a subscription ended", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    let told = 0;
    const unsubscribe = client.conversations.subscribe(() => told++);
    unsubscribe();
    unsubscribe();
    server.createGroup(["ana"], "room");
    await clock.advance(100);
    expect(told).toBe(0);
    expect(client.conversations.items).toHaveLength(1);
  });
});

describe("listeners that throw", () => {
  test("disturb neither the client nor others, and are told as errors", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    const { timeline } = client.conversations.get(room)!;
    const errors: ChatError[] = [];
    const cause = new Error("of the application");
    const thrower = () => {
      throw cause;
    };
    timeline.subscribe(thrower);
    client.subscribe(thrower);
    client.on("message", thrower);
    client.on("error", thrower);
    client.on("error", (error) => errors.push(error));
    const heard: string[] = [];
    client.on("message", ({ message }) => heard.push(message.text!));
    server.post(room, "bo", "hello");
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(["hello"]);
    expect(heard).toEqual(["hello"]);
    expect(errors.length).toBeGreaterThan(1);
    expect(errors.every((error) => error.code === "internal" && error.cause === cause)).toBe(true);
  });
});

describe("what a server of another version sends", () => {
  test("pushes that are unknown are ignored", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    const { status } = client;
    // [120, "typing", {…}]
    server.sessions[0]!.sendRaw(Uint8Array.of(0x93, 120, 0xa1, 0x78, 0x80));
    await clock.advance(100);
    expect(client.status).toBe(status);
    expect(server.sessions).toHaveLength(1);
  });

  test.each([
    // [96, "room"]
    ["a push that breaks its schema", Uint8Array.of(0x92, 96, 0xa4, 0x72, 0x6f, 0x6f, 0x6d)],
    ["bytes that are no frames", Uint8Array.of(0xc1, 0xff)],
  ])("%s is reported, and what it carried is fetched", async (_, bytes) => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    void texts(client, room);
    const errors: string[] = [];
    client.on("error", ({ code }) => errors.push(code));
    // It took the place of the push of this entry.
    server.faults.outgoing = (frame) => (frame.type === "entries" ? [] : [0]);
    server.post(room, "bo", "hidden");
    server.faults.outgoing = undefined;
    server.sessions[0]!.sendRaw(bytes);
    await clock.advance(5);
    expect(errors).toEqual(["malformed_frame"]);
    expect(client.status.error).toMatchObject({ code: "malformed_frame" });
    await clock.advance(5_000);
    expect(texts(client, room)).toEqual(["hidden"]);
    expect(client.status.error).toBeUndefined();
  });

  test("a message whose answer can't be read is sent again, not given up", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const client = world.device("ana");
    await clock.advance(1_000);
    let broken = 0;
    server.faults.outgoing = (frame, session) => {
      if (broken > 0 || (frame.type !== "message-stored" && frame.type !== "entries")) return [0];
      if (frame.type === "message-stored") {
        broken++;
        // [67, requestId] and nothing more
        session.sendRaw(Uint8Array.of(0x92, 67, frame.requestId));
      }
      return [];
    };
    const { stored } = await client.conversations.get(room)!.send("once");
    await clock.advance(5_000);
    expect((await stored).messageId).toBe(2);
    expect(server.log(room)).toHaveLength(2);
  });

  test("text messages are reported like other bytes", async () => {
    world = createWorld();
    const { clock, server } = world;
    let deliver: ((data: unknown) => void) | undefined;
    const client = world.device("ana", {
      transport: async (url, protocols) => {
        const socket = await server.connect(url, protocols);
        deliver ??= (data) => socket.onmessage?.({ data });
        return socket;
      },
    });
    await clock.advance(1_000);
    deliver!("hello?");
    expect(client.status.error).toMatchObject({ code: "malformed_frame" });
    await clock.advance(5_000);
    expect(client.status.connection).toBe("online");
  });
});

describe("errors", () => {
  test("that nobody listens to crash nothing and are seen in the status", async () => {
    world = createWorld();
    const { clock } = world;
    let asked = 0;
    const client = world.device("ana", {
      token: () => {
        if (++asked === 1) throw new Error("no token");
        return "a token";
      },
    });
    await clock.settle();
    expect(client.status.error).toMatchObject({ code: "internal", message: "Error: no token" });
    await clock.advance(5_000);
    expect(client.status.error).toBeUndefined();
  });

  test("a wrong URL is told at once", () => {
    world = createWorld();
    expect(() => world.device("ana", { url: "ftp://x" })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }) as Error,
    );
  });

  test("a token of somebody else stops the client", async () => {
    world = createWorld();
    const { clock, server } = world;
    const codec = createServerCodec();
    const client = world.device("ana", {
      transport: async (url, protocols) => {
        const socket = await server.connect(url, protocols);
        const { send } = socket;
        // The server believes another user to be there.
        socket.send = (bytes) => {
          const [hello] = codec.decode(bytes);
          if (hello?.type !== "hello") return send(bytes);
          socket.onmessage?.({
            data: codec
              .encode({
                type: "welcome",
                requestId: hello.requestId,
                minor: 0,
                capabilities: [],
                userId: "eve",
                epoch: "00000000-0000-4000-8000-000000000000",
                heartbeatInterval: 1_000,
                serverTime: 0,
                textCharacters: 10,
                receiptMembers: 100,
              })
              .slice().buffer,
          });
        };
        return socket;
      },
    });
    await clock.advance(1_000);
    expect(client.status).toMatchObject({ connection: "stopped", error: { code: "unauthenticated" } });
  });
});

describe("requests", () => {
  test("wait for a connection, go over to the next one, and end with their deadline", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.createGroup(["bo", "ana"], "room");
    const client = world.device("ana");
    client.disconnect();
    const late = expect(client.conversations.fetch("nowhere")).rejects.toMatchObject({ code: "timeout" });
    await clock.advance(30_000);
    await late;
    client.connect();
    await clock.advance(1_000);
    server.faults.incoming = (frame) => (frame.type === "create-conversation" ? "lost" : undefined);
    const creating = client.conversations.createGroup({ id: "mine", members: ["bo"], name: "Mine" });
    await clock.advance(1_000);
    server.faults.incoming = undefined;
    server.cut();
    await clock.advance(2_000);
    expect((await creating).summary).toMatchObject({
      id: "mine",
      name: "Mine",
      memberCount: 2,
      role: "owner",
    });
    expect(client.conversations.items[0]!.id).toBe("mine");
  });

  test("give typed errors for what the server would refuse", async () => {
    world = createWorld();
    const { clock } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    const { conversations, users } = client;
    for (const refused of [
      conversations.createGroup({ id: "", members: [] }),
      conversations.createGroup({ members: ["x".repeat(200)] }),
      conversations.createGroup({ members: [], name: "x".repeat(201) }),
      conversations.createDirect("\u0000"),
      conversations.fetch(""),
      users.setProfile({ name: "half \ud83d" }),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: "invalid_argument" });
    }
    await expect(users.setProfile({ data: { x: "y".repeat(5_000) } })).rejects.toMatchObject({
      code: "data_invalid",
    });
    // What only the server finds out is refused by itself; what was asked with it is done.
    const long = users.setProfile({ avatarUrl: "x".repeat(3_000) });
    const named = users.setProfile({ name: "Ana" });
    const refused = expect(long).rejects.toMatchObject({ code: "malformed_frame" });
    await clock.advance(100);
    await refused;
    expect((await named).name).toBe("Ana");
    expect(client.status.connection).toBe("online");
  });

  test("change and list members", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    const step = async <T>(work: Promise<T>): Promise<T> => {
      await clock.advance(100);
      return work;
    };
    const group = await step(client.conversations.createGroup({ members: ["bo"] }));
    await step(group.addMembers(["cy", "di"]));
    await step(group.removeMembers(["bo"]));
    const { items, nextCursor } = await step(group.members({ limit: 2 }));
    expect(items).toEqual([
      { userId: "ana", role: "owner", joinedAt: 1 },
      { userId: "cy", role: "member", joinedAt: 2 },
    ]);
    expect((await step(group.members({ cursor: nextCursor! }))).items.map(({ userId }) => userId)).toEqual([
      "di",
    ]);
    expect(group.summary.memberCount).toBe(3);
    const direct = await step(client.conversations.createDirect("bo"));
    expect(direct.summary).toMatchObject({ type: "direct", peerId: "bo" });
    expect(await step(client.conversations.createDirect("bo"))).toBe(direct);
    await step(group.leave());
    expect(client.conversations.items).toEqual([direct]);
    expect(server.log(group.id)).toHaveLength(4);
  });
});

test("messages are told once each, in order, not those of the past, of conversations that are new as well", async () => {
  world = createWorld({ heartbeatInterval: 5_000 });
  const { clock, server } = world;
  const room = server.createGroup(["bo", "ana"], "room");
  for (let count = 0; count < 100; count++) server.post(room, "bo", `old ${count}`);
  const client = world.device("ana");
  const heard: string[] = [];
  client.on("message", ({ conversation, message }) => heard.push(`${conversation.id}: ${message.text}`));
  client.conversations.subscribe(() => {
    for (const { timeline } of client.conversations.items) void timeline.messages;
  });
  await clock.advance(1_000);
  const loading = client.conversations.get(room)!.timeline.loadOlder();
  await clock.advance(100);
  await loading;
  expect(heard).toEqual([]);
  server.post(room, "bo", "live");
  server.post(server.createGroup(["bo", "ana"], "new"), "bo", "hello");
  server.addMembers(room, "bo", ["cy"]);
  await client.conversations.get(room)!.send("mine");
  await clock.advance(100);
  client.disconnect();
  server.post(room, "bo", "missed");
  client.connect();
  await clock.advance(1_000);
  expect(heard).toEqual(["room: live", "new: hello", "room: mine", "room: missed"]);
});

describe("users", () => {
  test("are asked for together, kept, told of changes, and asked for anew after a reconnect", async () => {
    world = createWorld();
    const { clock, server } = world;
    const bo = world.device("bo");
    const cache = world.cache();
    let ana = world.device("ana", { cache });
    await clock.advance(1_000);
    void bo.users.setProfile({ name: "Bo", data: { colour: "red" } });
    await clock.advance(100);
    const asked = () =>
      server.received.flatMap(({ frames }) => frames).filter(({ type }) => type === "get-users").length;
    // Bo's device has asked for its own.
    expect(asked()).toBe(1);
    let told = 0;
    ana.users.subscribe(() => told++);
    for (const id of ["bo", "cy", "", "bo"]) expect(ana.users.get(id)).toBeUndefined();
    await clock.advance(100);
    expect(asked()).toBe(2);
    expect(told).toBe(1);
    expect(ana.users.get("bo")).toEqual({ id: "bo", name: "Bo", data: { colour: "red" } });
    expect(ana.users.get("cy")).toEqual({ id: "cy" });
    void bo.users.setProfile({ name: "Bob" });
    await clock.advance(100);
    expect(ana.users.get("bo")).toEqual({ id: "bo", name: "Bob" });
    ana.disconnect();
    void bo.users.setProfile({ name: "Robert" });
    await clock.advance(100);
    ana.connect();
    await clock.advance(1_000);
    expect(ana.users.get("bo")!.name).toBe("Robert");
    expect(asked()).toBe(3);
    await ana.close();
    ana = world.device("ana", { cache });
    ana.disconnect();
    await clock.advance(10);
    expect(ana.users.get("bo")!.name).toBe("Robert");
  });

  test("that are kept follow the server with the next connection, whether somebody looks at them or not", async () => {
    world = createWorld();
    const { clock } = world;
    const bo = world.device("bo");
    const cache = world.cache();
    const ana = world.device("ana", { cache });
    await clock.advance(1_000);
    void bo.users.setProfile({ name: "Bo" });
    ana.users.get("bo");
    await clock.advance(1_000);
    await ana.close();
    // As the erasure of a user does.
    void bo.users.setProfile({});
    await clock.advance(1_000);
    world.device("ana", { cache });
    await clock.advance(2_000);
    expect((await cache.load()).users).toMatchObject([{ userId: "bo", version: 2 }]);
    expect((await cache.load()).users[0]).not.toHaveProperty("name");
  });

  test("may be many", async () => {
    world = createWorld();
    const { clock } = world;
    const ana = world.device("ana");
    await clock.advance(1_000);
    for (let index = 0; index < 500; index++) ana.users.get(`user ${index}`);
    await clock.advance(100);
    for (let index = 0; index < 500; index++) expect(ana.users.get(`user ${index}`)).toBeDefined();
  });
});

test("before the cache is open everything is empty, and ready() tells when it is not", async () => {
  world = createWorld();
  const { clock, server } = world;
  server.createGroup(["ana"], "room");
  const cache = world.cache();
  await (async () => {
    const first = world.device("ana", { cache });
    await clock.advance(1_000);
    await first.close();
  })();
  const client = world.device("ana", { cache });
  expect(client.status).toMatchObject({ connection: "connecting", storage: "opening", pending: 0 });
  expect(client.conversations.items).toEqual([]);
  expect(client.conversations.get("room")).toBeUndefined();
  expect(client.users.get("bo")).toBeUndefined();
  await client.ready();
  expect(client.conversations.items.map(({ id }) => id)).toEqual(["room"]);
});

test("ready() and loadOlder() can be given up, each for who asked", async () => {
  const world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana"]);
  for (let id = 0; id < 200; id++) server.post(room, "ana", `m${id}`);
  const client = world.device("ana");
  const early = new AbortController();
  const ready = client.ready({ signal: early.signal });
  early.abort(new Error("left the page"));
  await expect(ready).rejects.toMatchObject({ code: "aborted", cause: new Error("left the page") });
  await client.ready();
  await clock.advance(1_000);
  const { timeline } = client.conversations.get(room)!;
  expect(timeline.messages).toEqual([]);
  await clock.advance(1_000);

  client.disconnect();
  await expect(timeline.loadOlder({ signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "aborted",
  });
  const [one, other] = [new AbortController(), new AbortController()];
  const pages = [one, other].map(({ signal }) => timeline.loadOlder({ signal }));
  one.abort();
  await expect(pages[0]).rejects.toMatchObject({ code: "aborted" });
  client.connect();
  await clock.advance(1_000);
  const shown = timeline.messages.length;
  expect(shown).toBeGreaterThan(50);
  await pages[1];

  client.disconnect();
  const page = timeline.loadOlder({ signal: other.signal });
  other.abort();
  await expect(page).rejects.toMatchObject({ code: "aborted" });
  await clock.settle();
  // Nobody waits for it any more: nothing is asked for later.
  server.received.length = 0;
  client.connect();
  await clock.advance(1_000);
  expect(timeline.messages).toHaveLength(shown);

  // Whoever asks in the same turn, as an effect does that React mounts twice, has nothing to do with who gave up.
  const third = new AbortController();
  const given = timeline.loadOlder({ signal: third.signal });
  await Promise.resolve();
  third.abort();
  const again = timeline.loadOlder();
  await expect(given).rejects.toMatchObject({ code: "aborted" });
  await clock.advance(1_000);
  await again;
  expect(timeline.messages.length).toBeGreaterThan(shown);
  await world.close();
});

test("importing and creating need no globals of a browser", async () => {
  world = createWorld();
  vi.stubGlobal("WebSocket", undefined);
  const client = createChatClient({ url: "ws://localhost:1/", userId: "ana", token: "t" });
  await client.ready();
  expect(client.status.storage).toBe("memory");
  await client.close();
  vi.unstubAllGlobals();
});
