import { LIMITS } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";

const ROOM = "room";

async function createRoom(owner: RawDevice, members: string[], conversationId = ROOM): Promise<void> {
  await owner.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId,
    clientMessageId: crypto.randomUUID(),
    members,
  });
}

describe("sending", () => {
  it("acknowledges, and delivers to every device of every member, in order", async () => {
    const server = await openServer();
    const [ana, anaPhone, bo] = await Promise.all([
      RawDevice.open(server, "ana"),
      RawDevice.open(server, "ana"),
      RawDevice.open(server, "bo"),
    ]);
    await createRoom(ana, ["bo"]);
    const acks = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ana.send(ROOM, `message ${index}`)),
    );
    expect(acks.map((ack) => ack.type === "message-stored" && ack.messageId)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 2),
    );
    for (const device of [ana, anaPhone, bo]) {
      await device.until((frame) => frame.type === "entries" && frame.through === 51);
      expect(device.pushed(ROOM).map(({ messageId }) => messageId)).toEqual(
        Array.from({ length: 51 }, (_, index) => index + 1),
      );
    }
  });

  it("acknowledges a lone message before it is delivered, and several together with their delivery", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, ["bo"]);
    await ana.until((frame) => frame.type === "conversation-changed");
    const heard = async (through: number): Promise<[string[], number]> => {
      await ana.until((frame) => frame.type === "entries" && frame.through === through);
      const told = ana.received.splice(0).map(({ type }) => type);
      const { messages } = ana;
      ana.messages = 0;
      return [told, messages];
    };
    await heard(1);
    void ana.send(ROOM, "hello");
    expect(await heard(2)).toEqual([["message-stored", "entries"], 2]);
    const bo = await RawDevice.open(server, "bo");
    void ana.send(ROOM, "one");
    void bo.send(ROOM, "two");
    expect(await heard(4)).toEqual([["message-stored", "entries"], 1]);
  });

  it("tells the clientMessageId to the sending device only", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const phone = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const key = crypto.randomUUID();
    await ana.send(ROOM, "hello", key);
    for (const device of [ana, phone])
      await device.until((frame) => frame.type === "entries" && frame.through === 2);
    expect(ana.pushed(ROOM)[1]?.clientMessageId).toBe(key);
    expect(phone.pushed(ROOM)[1]?.clientMessageId).toBeUndefined();
  });

  it("answers a resend with the first answer, and stores it once", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, ["bo"]);
    const key = crypto.randomUUID();
    const [first, second] = await Promise.all([ana.send(ROOM, "hello", key), ana.send(ROOM, "hello", key)]);
    const again = await RawDevice.open(server, "ana", ana.deviceId);
    const third = await again.send(ROOM, "hello", key);
    const number = (frame: typeof first) => frame.type === "message-stored" && frame.messageId;
    expect([number(first), number(second), number(third)]).toEqual([2, 2, 2]);
    const range = await ana.expect("range", {
      type: "get-range",
      conversationId: ROOM,
      after: 0,
      limit: 100,
    });
    expect(range.entries).toHaveLength(2);
  });

  it("refuses a key that another kind of request has used", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const key = crypto.randomUUID();
    await ana.expect("conversation", {
      type: "create-conversation",
      conversationType: "group",
      conversationId: ROOM,
      clientMessageId: key,
      members: [],
    });
    expect(await ana.send(ROOM, "hello", key)).toMatchObject({ type: "error", code: "conflict" });
  });

  it("answers a resend even after the sender was removed, and refuses new messages", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await createRoom(ana, ["bo"]);
    const key = crypto.randomUUID();
    const first = await bo.send(ROOM, "hello", key);
    await ana.expect("conversation", {
      type: "remove-members",
      conversationId: ROOM,
      clientMessageId: crypto.randomUUID(),
      members: ["bo"],
    });
    expect(await bo.send(ROOM, "hello", key)).toMatchObject({ type: "message-stored", messageId: 2 });
    expect(first).toMatchObject({ messageId: 2 });
    expect(await bo.send(ROOM, "again")).toMatchObject({
      type: "error",
      code: "forbidden",
      retryable: false,
    });
  });

  it.each([
    ["text_empty", { text: "" }],
    ["text_empty", {}],
    ["text_too_long", { text: "😀".repeat(4_097) }],
    ["invalid_argument", { text: "x", kind: "created" }],
    ["invalid_argument", { text: "x", replyTo: 99 }],
    ["malformed_frame", { text: "x", replyTo: -1 }],
    ["malformed_frame", { text: "x", data: { a: "y".repeat(LIMITS.dataBytes) } }],
  ])("refuses with %s, and goes on", async (code, content) => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const clientMessageId = crypto.randomUUID();
    const answer = await ana.ask({ type: "send-message", conversationId: ROOM, clientMessageId, ...content });
    expect(answer).toMatchObject({ type: "error", code, retryable: false });
    expect(await ana.send(ROOM, "😀".repeat(4_096))).toMatchObject({ type: "message-stored", messageId: 2 });
  });

  it("answers for a foreign conversation as for one that is not there", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const eve = await RawDevice.open(server, "eve");
    await createRoom(ana, []);
    const requests = (conversationId: string) =>
      [
        { type: "send-message", conversationId, clientMessageId: crypto.randomUUID(), text: "x" },
        { type: "get-range", conversationId, after: 0, limit: 10 },
        { type: "get-conversation", conversationId },
        { type: "list-members", conversationId, limit: 10 },
        { type: "add-members", conversationId, clientMessageId: crypto.randomUUID(), members: ["eve"] },
        { type: "remove-members", conversationId, clientMessageId: crypto.randomUUID(), members: ["ana"] },
      ] as const;
    const foreign = requests(ROOM);
    const missing = requests("nowhere");
    for (let index = 0; index < foreign.length; index++) {
      const answers = [await eve.ask(foreign[index]!), await eve.ask(missing[index]!)];
      const [a, b] = answers.map((answer) => ({ ...answer, requestId: 0 }));
      expect(a).toMatchObject({ type: "error", code: "not_found" });
      expect(b).toEqual(a);
    }
    expect(eve.pushed(ROOM)).toEqual([]);
  });

  it("creates a direct conversation once per pair, whoever starts it", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    const direct = (device: RawDevice, member: string) =>
      device.expect("conversation", {
        type: "create-conversation",
        conversationType: "direct",
        conversationId: crypto.randomUUID(),
        clientMessageId: crypto.randomUUID(),
        members: [member],
      });
    const rows = await Promise.all([direct(ana, "bo"), direct(bo, "ana"), direct(ana, "bo")]);
    expect(new Set(rows.map(({ row }) => row.conversationId)).size).toBe(1);
    expect(rows.map(({ row }) => row.peerId)).toEqual(["bo", "ana", "bo"]);
    expect(rows.map(({ row }) => row.head)).toEqual([1, 1, 1]);
  });
});

describe("the largest messages", () => {
  it("arrive, pushed and asked for, in WebSocket messages within the limit", async () => {
    const textCharacters = LIMITS.textCharactersCeiling;
    const server = await openServer({ settings: { textCharacters, sendQueueBytes: 50_000_000 } });
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const text = "😀".repeat(textCharacters);
    await Promise.all(Array.from({ length: 8 }, () => ana.send(ROOM, text)));
    // The device's codec refuses anything above the limit, so that arriving is proof enough.
    await ana.until((frame) => frame.type === "entries" && frame.through === 9);
    expect(ana.pushed(ROOM).filter((entry) => entry.text === text)).toHaveLength(8);
    const around = await ana.expect("range", {
      type: "get-range",
      conversationId: ROOM,
      around: 5,
      limit: 200,
    });
    expect(around.entries.map(({ messageId }) => messageId)).toContain(5);
    const after = await ana.expect("range", {
      type: "get-range",
      conversationId: ROOM,
      after: 0,
      limit: 200,
    });
    expect(after.entries.length).toBeGreaterThan(0);
    expect(after.through).toBe(after.entries[after.entries.length - 1]!.messageId);
  });
});

describe("membership", () => {
  it("shows a member what lies in their intervals, and nothing else", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await createRoom(ana, []);
    const change = (type: "add-members" | "remove-members") =>
      ana.expect("conversation", {
        type,
        conversationId: ROOM,
        clientMessageId: crypto.randomUUID(),
        members: ["bo"],
      });
    await ana.send(ROOM, "2, before bo");
    await change("add-members"); // 3
    await ana.send(ROOM, "4, with bo");
    await change("remove-members"); // 5
    await ana.send(ROOM, "6, without bo");
    await change("add-members"); // 7
    await ana.send(ROOM, "8, with bo again");
    await bo.until((frame) => frame.type === "entries" && frame.through === 8);
    expect(bo.pushed(ROOM).map(({ messageId }) => messageId)).toEqual([3, 4, 7, 8]);
    for (const limit of [1, 2, 3, 100]) {
      const seen: number[] = [];
      let after = 0;
      let head = Number.NaN;
      while (after !== head) {
        const range = await bo.expect("range", { type: "get-range", conversationId: ROOM, after, limit });
        expect(range.after).toBe(after);
        expect(range.through).toBeGreaterThan(after);
        seen.push(...range.entries.map(({ messageId }) => messageId));
        ({ through: after, head } = range);
      }
      expect(seen).toEqual([3, 4, 7, 8]);
      const back: number[] = [];
      let before = 9;
      while (before > 1) {
        const range = await bo.expect("range", { type: "get-range", conversationId: ROOM, before, limit });
        expect(range.through).toBe(before - 1);
        back.unshift(...range.entries.map(({ messageId }) => messageId));
        before = range.after + 1;
      }
      expect(back).toEqual([3, 4, 7, 8]);
    }
    const around = await bo.expect("range", { type: "get-range", conversationId: ROOM, around: 7, limit: 3 });
    expect(around.entries.map(({ messageId }) => messageId)).toEqual([4, 7, 8]);
    expect(around).toMatchObject({ after: 3, through: 8 });
  });

  it("stores a doubled request once", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const request = { conversationId: ROOM, clientMessageId: crypto.randomUUID(), members: ["bo"] };
    const add = () => ana.expect("conversation", { type: "add-members", ...request });
    const rows = await Promise.all([add(), add(), add()]);
    expect(rows.map(({ row }) => [row.head, row.memberCount])).toEqual([
      [2, 2],
      [2, 2],
      [2, 2],
    ]);
  });

  it("lets owners add and remove, and everybody leave", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await createRoom(ana, ["bo", "cy"]);
    const ask = (type: "add-members" | "remove-members", members: string[]) =>
      bo.ask({ type, conversationId: ROOM, clientMessageId: crypto.randomUUID(), members });
    expect(await ask("add-members", ["di"])).toMatchObject({ code: "forbidden" });
    expect(await ask("remove-members", ["cy"])).toMatchObject({ code: "forbidden" });
    expect(await ask("remove-members", ["bo"])).toMatchObject({
      type: "conversation",
      row: { member: false },
    });
  });

  it("repeats a send that membership changes overtake", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await createRoom(ana, ["bo"]);
    await bo.send(ROOM, "so that the membership version is known");
    const toggles = Array.from({ length: 10 }, (_, index) =>
      ana.ask({
        type: "add-members",
        conversationId: ROOM,
        clientMessageId: crypto.randomUUID(),
        members: [`new-${index}`],
      }),
    );
    const sends = Array.from({ length: 20 }, (_, index) => bo.send(ROOM, `${index}`));
    const answers = await Promise.all([...toggles, ...sends]);
    expect(answers.filter(({ type }) => type === "error")).toEqual([]);
    await bo.until((frame) => frame.type === "entries" && frame.through === 32);
    const texts = bo.pushed(ROOM).flatMap(({ text }) => (text === undefined ? [] : [text]));
    expect(texts.slice(1)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  });
});
