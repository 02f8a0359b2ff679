import type { ServerFrame } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { type ChatServer, createChatServer } from "../../src/index.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";
import { createRoom } from "./create-room.js";

const ROOM = "room";
/** Three messages of a connection at once and then two a second; a user has twice as much. */
const SETTINGS = { sendBurst: 6, sendRate: 4, connectionShare: 0.5 };

async function open(settings: object = SETTINGS): Promise<{ server: ChatServer; clock: VirtualClock }> {
  const clock = new VirtualClock();
  return { clock, server: await openServer({ runtime: clock.runtime, settings }) };
}

async function stored(device: RawDevice): Promise<(string | undefined)[]> {
  const range = await device.expect("range", {
    type: "get-range",
    conversationId: ROOM,
    after: 1,
    limit: 100,
  });
  return range.entries.map(({ text }) => text);
}

function codes(answers: readonly ServerFrame[]): string[] {
  return answers.map((answer) => (answer.type === "error" ? answer.code : answer.type));
}

describe("sends", () => {
  it("beyond the rate are refused before anything is stored, with the time to wait", async () => {
    const { server, clock } = await open();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    for (const text of ["1", "2", "3"])
      expect(await ana.send(ROOM, text)).toMatchObject({ type: "message-stored" });
    expect(await ana.send(ROOM, "4")).toMatchObject({
      type: "error",
      code: "rate_limited",
      retryable: true,
      retryAfter: 1_000,
    });
    expect(await stored(ana)).toEqual(["1", "2", "3"]);
    clock.advance(1_000);
    const first = {
      type: "send-message",
      conversationId: ROOM,
      clientMessageId: crypto.randomUUID(),
      first: true,
    } as const;
    expect(await ana.ask({ ...first, text: "4" })).toMatchObject({ type: "message-stored", messageId: 5 });
    expect(await ana.send(ROOM, "5")).toMatchObject({ type: "message-stored", messageId: 6 });
    expect(await stored(ana)).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("in one batch: what is behind the refused one is out of order, until the device begins again", async () => {
    const { server, clock } = await open();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const texts = ["1", "2", "3", "4", "5", "6"];
    const ids = texts.map(() => crypto.randomUUID());
    const answers = await Promise.all(texts.map((text, index) => ana.send(ROOM, text, ids[index])));
    const stores = ["message-stored", "message-stored", "message-stored"];
    expect(codes(answers)).toEqual([...stores, "rate_limited", "out_of_order", "out_of_order"]);
    // Tokens alone open no lane: the device has to begin with the one that failed.
    clock.advance(10_000);
    expect(codes([await ana.send(ROOM, "6", ids[5])])).toEqual(["out_of_order"]);
    const again = await Promise.all(
      [3, 4, 5].map((index) =>
        ana.ask({
          type: "send-message",
          conversationId: ROOM,
          clientMessageId: ids[index]!,
          text: texts[index]!,
          ...(index === 3 && { first: true }),
        }),
      ),
    );
    expect(codes(again)).toEqual(stores);
    expect(await stored(ana)).toEqual(texts);
  });

  it("that are stored already are answered, whatever the rate", async () => {
    const { server } = await open();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const ids = ["1", "2", "3"].map(() => crypto.randomUUID());
    for (const [index, id] of ids.entries()) await ana.send(ROOM, `${index + 1}`, id);
    const answers = await Promise.all([
      ...ids.map((id) => ana.send(ROOM, "again", id)),
      ana.send(ROOM, "new"),
      ana.send(ROOM, "behind it"),
    ]);
    expect(answers).toMatchObject([
      { type: "message-stored", messageId: 2 },
      { type: "message-stored", messageId: 3 },
      { type: "message-stored", messageId: 4 },
      { type: "error", code: "rate_limited" },
      { type: "error", code: "out_of_order" },
    ]);
    const kind = {
      type: "send-message",
      conversationId: ROOM,
      text: "x",
      kind: "x-poll",
      first: true,
    } as const;
    expect(await ana.ask({ ...kind, clientMessageId: ids[0]! })).toMatchObject({ code: "conflict" });
  });

  it("that can't even be looked up for free are told to come back", async () => {
    const { server, clock } = await open({ ...SETTINGS, readBurst: 2, readRate: 2 });
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const id = crypto.randomUUID();
    await ana.send(ROOM, "1", id);
    await ana.send(ROOM, "2");
    await ana.send(ROOM, "3");
    expect(await ana.send(ROOM, "1", id)).toMatchObject({ type: "message-stored" });
    expect(await ana.send(ROOM, "1", id)).toMatchObject({ code: "rate_limited", retryable: true });
    clock.advance(1_000);
    const first = { type: "send-message", conversationId: ROOM, clientMessageId: id, first: true } as const;
    expect(await ana.ask({ ...first, text: "1" })).toMatchObject({ type: "message-stored", messageId: 2 });
  });

  it("of a user are counted over all connections and conversations; other users notice nothing", async () => {
    const { server } = await open();
    const devices = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "ana")];
    const third = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await createRoom(third, ["bo"]);
    await createRoom(third, [], "other");
    for (const device of devices)
      for (let count = 0; count < 3; count++)
        expect(await device.send(count === 0 ? ROOM : "other", "x")).toMatchObject({
          type: "message-stored",
        });
    expect(await third.send(ROOM, "x")).toMatchObject({ code: "rate_limited" });
    expect(await bo.send(ROOM, "hello")).toMatchObject({ type: "message-stored" });
  });

  it("of one connection leave the user's others what they need", async () => {
    const { server } = await open();
    const wild = await RawDevice.open(server, "ana");
    const calm = await RawDevice.open(server, "ana");
    await createRoom(calm);
    for (let count = 0; count < 20; count++) await wild.send(ROOM, `${count}`);
    for (let count = 0; count < 3; count++)
      expect(await calm.send(ROOM, "hello")).toMatchObject({ type: "message-stored" });
  });
});

describe("other requests beyond their rates", () => {
  const requests = {
    read: { type: "get-range", conversationId: ROOM, after: 0, limit: 10 },
    list: { type: "list-conversations", limit: 10 },
    write: { type: "set-profile", name: "Ana" },
  } as const;

  it.each(["read", "list", "write"] as const)("are refused: %s", async (operation) => {
    const { server, clock } = await open({ [`${operation}Burst`]: 4, [`${operation}Rate`]: 4 });
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const request = requests[operation];
    let refused: ServerFrame | undefined;
    for (let count = 0; count < 3; count++) refused = await ana.ask(request);
    expect(refused).toMatchObject({
      type: "error",
      code: "rate_limited",
      retryable: true,
      retryAfter: 1_000,
    });
    expect(await ana.ask({ type: "ping" })).toMatchObject({ type: "pong" });
    clock.advance(1_000);
    expect((await ana.ask(request)).type).not.toBe("error");
  });
});

describe("over HTTP", () => {
  const get = (path: string, user = "ana") =>
    new Request(`http://chat.example${path}`, { headers: { authorization: `Bearer ${user}` } });

  it("a user who asks for too much gets 429 with Retry-After; others are answered", async () => {
    const { server, clock } = await open({ listBurst: 2, listRate: 1 });
    for (let count = 0; count < 2; count++)
      expect((await server.fetch(get("/conversations"))).status).toBe(200);
    const refused = await server.fetch(get("/conversations"));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({
      error: { code: "rate_limited", retryable: true, retryAfter: 1_000 },
    });
    expect((await server.fetch(get("/conversations", "bo"))).status).toBe(200);
    clock.advance(1_000);
    expect((await server.fetch(get("/conversations"))).status).toBe(200);
  });

  it("sends count with those of the user's connections, and a resend is answered", async () => {
    const { server } = await open();
    const ana = await RawDevice.open(server, "ana");
    const phone = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const post = (clientMessageId: string) =>
      server.fetch(
        new Request(`http://chat.example/conversations/${ROOM}/messages`, {
          method: "POST",
          headers: { authorization: "Bearer ana" },
          body: JSON.stringify({ clientMessageId, text: "x" }),
        }),
      );
    const id = crypto.randomUUID();
    expect((await post(id)).status).toBe(200);
    for (let count = 0; count < 3; count++) await ana.send(ROOM, "x");
    for (let count = 0; count < 2; count++) await phone.send(ROOM, "x");
    expect((await post(crypto.randomUUID())).status).toBe(429);
    const again = await post(id);
    expect([again.status, await again.json()]).toMatchObject([200, { messageId: 2 }]);
  });
});

describe("the defaults", () => {
  it("let through what a device has written in a day, at once", async () => {
    const { server } = await open({});
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => ana.send(ROOM, `${index}`)));
    expect(new Set(codes(answers))).toEqual(new Set(["message-stored"]));
  });

  it.each([
    { sendBurst: 0 },
    { readRate: 0 },
    { connectionShare: 0 },
    { connectionShare: 1.5 },
    { frameBurst: -1 },
  ])("can't be replaced by %j", (settings) => {
    const options = { authenticate: () => ({ userId: "ana" }), store: undefined as never, settings };
    expect(() => createChatServer(options)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});
