import { join } from "node:path";
import { LIMITS, type ServerFrame } from "@chat/protocol";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { type ChatServer, type Fanout, inProcessFanout, inProcessRegistry } from "../src/index.js";
import { sqlite } from "../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { VirtualClock } from "./virtual-clock.js";

type Push<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;

function pushes<T extends ServerFrame["type"]>(device: RawDevice, type: T): Push<T>[] {
  return device.received.filter((frame): frame is Push<T> => frame.type === type);
}

/** What a device was told of the others, in the order of arrival. */
const told = (device: RawDevice) =>
  pushes(device, "receipts-changed").flatMap(({ receipts }) =>
    receipts.map(({ userId, delivered, read }) => [userId, delivered, read]),
  );

async function roomOf(server: ChatServer, members: readonly string[], messages = 3): Promise<void> {
  const owner = server.as(members[0]!);
  await owner.createGroup({ id: "room", members: members.slice(1) });
  for (let index = 0; index < messages; index++) await owner.send("room", `message ${index}`);
}

describe("receipts", () => {
  it("are acknowledged when durable, and told to the other members and the user's other devices", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo", "cy"]);
    const [ana, bo, phone] = await Promise.all(
      ["ana", "bo", "bo"].map((user) => RawDevice.open(server, user)),
    );
    const answer = await bo!.expect("receipts", {
      type: "send-receipts",
      receipts: [{ conversationId: "room", delivered: 4, read: 2 }],
    });
    const receipt = { conversationId: "room", delivered: 4, read: 2, readOrdinal: 1 };
    expect(answer).toMatchObject({ receipts: [receipt], refused: [] });
    await ana!.until((frame) => frame.type === "receipts-changed");
    await phone!.until((frame) => frame.type === "own-receipt-changed");
    expect(told(ana!)).toEqual([["bo", 4, 2]]);
    expect(pushes(phone!, "own-receipt-changed")).toEqual([{ type: "own-receipt-changed", receipt }]);
    expect(told(phone!)).toEqual([]);
    expect(await server.as("bo").conversation("room")).toMatchObject({
      delivered: 4,
      read: 2,
      readOrdinal: 1,
    });
    const { receipts } = await server.as("ana").conversation("room");
    expect(receipts).toContainEqual({ userId: "bo", delivered: 4, read: 2 });
  });

  it("tell nobody of what moves nothing", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo"]);
    const ana = await RawDevice.open(server, "ana");
    await server.as("bo").sendReceipt("room", { read: 3 });
    await server.as("bo").sendReceipt("room", { read: 2, delivered: 1 });
    await server.as("bo").sendReceipt("room", { read: 3 });
    await server.as("bo").sendReceipt("room", { read: 4 });
    await ana.until(() => told(ana).some(([, , read]) => read === 4));
    expect(told(ana)).toEqual([
      ["bo", 3, 3],
      ["bo", 4, 4],
    ]);
  });

  it("go together when they move in one turn, and the latest of a member wins", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo", "cy"]);
    const ana = await RawDevice.open(server, "ana");
    await Promise.all([
      server.as("bo").sendReceipt("room", { delivered: 2 }),
      server.as("cy").sendReceipt("room", { delivered: 3 }),
      server.as("bo").sendReceipt("room", { delivered: 4 }),
    ]);
    await ana.until((frame) => frame.type === "receipts-changed");
    expect(pushes(ana, "receipts-changed")).toHaveLength(1);
    expect(told(ana).sort()).toEqual([
      ["bo", 4, 1],
      ["cy", 3, 1],
    ]);
  });

  it("are refused one by one: beyond the head, of strangers, former members and of what is not there", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo"]);
    await server.as("cy").createGroup({ id: "other", members: [] });
    await server.as("cy").createGroup({ id: "left", members: ["bo"] });
    await server.as("bo").removeMembers("left", ["bo"]);
    const bo = await RawDevice.open(server, "bo");
    const steps = ["other", "left", "nowhere"].map((conversationId) => ({ conversationId, read: 1 }));
    const answer = await bo.expect("receipts", {
      type: "send-receipts",
      receipts: [
        ...steps,
        { conversationId: "room", read: 3 },
        { conversationId: "room", read: 5 },
        { conversationId: "room", delivered: 5 },
        { conversationId: "room", mark: { version: 0, from: 5 } },
      ],
    });
    expect(answer.receipts.map(({ conversationId, read }) => [conversationId, read])).toEqual([["room", 3]]);
    expect(answer.refused.map(({ conversationId, code }) => `${conversationId} ${code}`).sort()).toEqual([
      "left forbidden",
      "nowhere not_found",
      "other not_found",
      "room diverged",
      "room diverged",
      "room diverged",
    ]);
  });

  it("count one's own messages as read, and others' behind them as unread", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo"]);
    await server.as("bo").send("room", "mine");
    await server.as("ana").send("room", "more");
    const { headOrdinal, read, readOrdinal } = await server.as("bo").conversation("room");
    expect([read, headOrdinal - readOrdinal]).toEqual([5, 1]);
  });

  it("mark a conversation as unread without the user's own messages, until the user writes", async () => {
    const server = await openServer();
    await roomOf(server, ["ana", "bo"]);
    const bo = server.as("bo");
    await bo.send("room", "mine");
    await server.as("ana").send("room", "more");
    const phone = await RawDevice.open(server, "bo");
    const { unread, ...receipt } = await bo.sendReceipt("room", { read: 6, unreadFrom: 3 });
    expect(receipt).toEqual({ conversationId: "room", delivered: 6, read: 6, readOrdinal: 5 });
    const { headOrdinal } = await bo.conversation("room");
    expect(unread).toEqual({ version: 1, from: 3, ordinal: headOrdinal - 3 });
    await phone.until((frame) => frame.type === "own-receipt-changed");
    // By a device that has not heard of it.
    const late = await phone.expect("receipts", {
      type: "send-receipts",
      receipts: [{ conversationId: "room", mark: { version: 0 } }],
    });
    expect(late.receipts[0]?.unread?.from).toBe(3);
    expect((await bo.sendReceipt("room", { unreadFrom: 0 })).unread).toEqual({ version: 2 });
    await bo.sendReceipt("room", { unreadFrom: 2 });
    await bo.send("room", "another");
    expect((await bo.conversation("room")).unread).toEqual({ version: 4 });
  });

  it("look through some pages at the most for all marks of a request, and let others through meanwhile", async () => {
    const store = sqlite(new Database(join(temporaryFolder(), "chat.db")));
    const read = store.messages.read.bind(store.messages);
    let pages = 0;
    store.messages.read = (query) => {
      if (query.limit === LIMITS.rangeEntries) pages++;
      return read(query);
    };
    const server = await openServer({ store });
    const text = "x".repeat(4_000);
    await roomOf(server, ["ana", "bo"]);
    await Promise.all(Array.from({ length: 130 }, () => server.as("ana").send("room", text)));
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    // Each of them is behind half a megabyte.
    const receipts = Array.from({ length: 200 }, () => ({
      conversationId: "room",
      mark: { version: 0, from: 3 },
    }));
    const answered = bo.expect("receipts", { type: "send-receipts", receipts });
    await ana.send("room", "in between");
    expect(pushes(bo, "receipts")).toEqual([]);
    const answer = await answered;
    expect(pages).toBeLessThanOrEqual(20);
    expect(answer.receipts.length).toBeGreaterThan(5);
    expect(new Set(answer.refused.map(({ code }) => code))).toEqual(new Set(["limit_exceeded"]));
    expect(answer.refused.length + answer.receipts.length).toBe(200);
  });

  it("stand on what is no longer kept", async () => {
    const clock = new VirtualClock();
    const settings = { retentionCount: 2, retentionInterval: 60_000 };
    const server = await openServer({ runtime: clock.runtime, settings });
    await roomOf(server, ["ana", "bo"], 5);
    for (let round = 0; round < 3; round++) {
      clock.advance(60_000);
      await clock.settle();
    }
    expect((await server.as("bo").conversation("room")).firstId).toBe(5);
    expect((await server.as("bo").sendReceipt("room", { read: 2 })).readOrdinal).toBe(3);
    expect((await server.as("bo").sendReceipt("room", { read: 5 })).readOrdinal).toBe(4);
  });

  it("of a large group are told to the user's own devices, and counted for the others", async () => {
    const server = await openServer({ settings: { receiptMembers: 2 } });
    await roomOf(server, ["ana", "bo", "cy"]);
    const [ana, phone] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    await server.as("bo").sendReceipt("room", { delivered: 4, read: 3 });
    await phone.until((frame) => frame.type === "own-receipt-changed");
    const counts = await ana.expect("receipt-counts", {
      type: "count-receipts",
      conversationId: "room",
      messageId: 4,
    });
    expect(counts).toMatchObject({ members: 3, delivered: 2, read: 1 });
    expect(told(ana)).toEqual([]);
    expect((await server.as("ana").conversation("room")).receipts).toBeUndefined();
    expect((await server.as("ana").receipts("room", { limit: 2 })).items).toEqual([
      { userId: "ana", delivered: 4, read: 4 },
      { userId: "bo", delivered: 4, read: 3 },
    ]);
  });

  it("give way for a slow consumer, whom the row makes up for it once it has caught up", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { sendQueueBytes: 100_000 } });
    await roomOf(server, ["ana", "bo"]);
    const ana = await RawDevice.open(server, "ana");
    ana.bufferedBytes = 50_000;
    clock.advance(2_000);
    await clock.settle();
    await server.as("bo").sendReceipt("room", { read: 4 });
    const held = await ana.expect("pong", { type: "ping" });
    expect([told(ana), held.cursor]).toEqual([[], undefined]);
    ana.bufferedBytes = 0;
    await ana.expect("pong", { type: "ping" });
    const row = await ana.until((frame) => frame.type === "conversation-changed");
    expect(row).toMatchObject({ row: { receipts: [{ userId: "bo", delivered: 4, read: 4 }] } });
    clock.advance(2_000);
    await clock.settle();
    expect((await ana.expect("pong", { type: "ping" })).cursor).toBeDefined();
  });
});

describe("receipts over two servers", () => {
  async function two(
    fanout: Fanout | undefined,
    settings = {},
  ): Promise<[ChatServer, ChatServer, VirtualClock]> {
    const clock = new VirtualClock();
    const file = join(temporaryFolder(), "chat.db");
    const registry = inProcessRegistry(clock.runtime.clock);
    const open = (serverId: string) =>
      openServer({ ...(fanout && { fanout }), registry, serverId, runtime: clock.runtime, settings }, file);
    return [await open("one"), await open("two"), clock];
  }

  it("are told by the fan-out at once, and not told again by the change feed", async () => {
    const [one, second, clock] = await two(inProcessFanout());
    await roomOf(one, ["ana", "bo"]);
    const [ana, phone] = [await RawDevice.open(second, "ana"), await RawDevice.open(second, "bo")];
    clock.advance(2_000);
    await clock.settle();
    await one.as("bo").sendReceipt("room", { read: 4 });
    await ana.until((frame) => frame.type === "receipts-changed");
    await phone.until((frame) => frame.type === "own-receipt-changed");
    for (let count = 0; count < 3; count++) {
      clock.advance(1_000);
      await clock.settle();
    }
    await ana.expect("pong", { type: "ping" });
    expect(told(ana)).toEqual([["bo", 4, 4]]);
    expect(pushes(phone, "own-receipt-changed")).toHaveLength(1);
  });

  it.each([
    ["a small group", {}, true],
    ["a large group", { receiptMembers: 1 }, false],
  ])("of %s are found in the change feed where the fan-out lost them", async (_, settings, shared) => {
    const [one, second, clock] = await two(undefined, settings);
    await roomOf(one, ["ana", "bo"]);
    const [ana, phone] = [await RawDevice.open(second, "ana"), await RawDevice.open(second, "bo")];
    clock.advance(2_000);
    await clock.settle();
    await one.as("bo").sendReceipt("room", { read: 4, unreadFrom: 3 });
    const found = phone.until((frame) => frame.type === "own-receipt-changed");
    for (let count = 0; count < 3; count++) {
      clock.advance(1_000);
      await clock.settle();
    }
    expect(await found).toMatchObject({ receipt: { read: 4, unread: { version: 1, from: 3 } } });
    if (shared) await ana.until((frame) => frame.type === "receipts-changed");
    expect(told(ana)).toEqual(shared ? [["bo", 4, 4]] : []);
  });
});
