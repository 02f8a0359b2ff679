import { ChatError, LIMITS } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import type { ChatServer, ChatServerOptions, OperationRequest, OutgoingMessage } from "../../src/index.js";
import { call, uuid } from "../http/call.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const ROOM = "room";
const DEADLINE = 5_000;

interface Line {
  readonly event: string;
  readonly code?: unknown;
  readonly error?: unknown;
}

/** A server with hooks whose time the test owns, and a room of ana and bo that was made by the system, unasked. */
async function openRoom(
  hooks: Partial<ChatServerOptions>,
): Promise<{ server: ChatServer; clock: VirtualClock; lines: Line[] }> {
  const clock = new VirtualClock();
  const lines: Line[] = [];
  const log: ChatServerOptions["log"] = (_, event, fields) => void lines.push({ event, ...fields });
  const server = await openServer({ ...hooks, runtime: { ...clock.runtime, log } });
  await server.system.createGroup({ id: ROOM, members: ["ana", "bo"] });
  return { server, clock, lines };
}

/** What the store holds of the room's messages. */
async function stored(server: ChatServer): Promise<unknown[]> {
  const { entries } = await server.system.history(ROOM, { after: 1 });
  return entries.map(({ text, data }) => data ?? text);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "ok",
    (error: unknown) => (error as ChatError).code,
  );
}

/** A promise that a test settles. */
function gate<T>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

describe("authorize", () => {
  it("sees operation, user, device, conversation, members and role, and not what the system does", async () => {
    const seen: Omit<OperationRequest, "signal">[] = [];
    const { server } = await openRoom({
      authorize({ signal, ...request }) {
        expect(signal.aborted).toBe(false);
        seen.push(request);
      },
    });
    const deviceId = uuid(7);
    const ana = server.as("ana", { deviceId });
    await ana.addMembers(ROOM, ["cy", "bo"]);
    await ana.setRole(ROOM, ["bo"], "admin");
    await ana.send(ROOM, "hi");
    await ana.conversations();
    await server.system.send(ROOM, "hello");
    const who = { userId: "ana", deviceId };
    expect(seen).toEqual([
      { ...who, operation: "add-members", conversationId: ROOM, members: ["cy"] },
      { ...who, operation: "set-role", conversationId: ROOM, members: ["bo"], role: "admin" },
      { ...who, operation: "send-message", conversationId: ROOM },
      { ...who, operation: "list-conversations" },
    ]);
  });

  it.each([
    ["a WebSocket", (server: ChatServer) => viaSocket(server)],
    ["HTTP", (server: ChatServer) => viaHttp(server)],
  ])("refuses with forbidden, or its own code and sentence, over %s", async (_, send) => {
    let answer: () => boolean = () => false;
    const { server } = await openRoom({ authorize: () => answer() });
    expect(await send(server)).toMatchObject({ code: "forbidden", retryable: false });
    answer = () => {
      throw new ChatError("out_of_office", "Ask again on Monday.", { retryable: true, retryAfter: 9_000 });
    };
    expect(await send(server)).toMatchObject({
      code: "out_of_office",
      message: "Ask again on Monday.",
      retryable: true,
      retryAfter: 9_000,
    });
    expect(await stored(server)).toEqual([]);
  });

  it("is never asked about what the engine's own rules forbid", async () => {
    let asked = 0;
    const { server } = await openRoom({
      authorize() {
        asked++;
        return true;
      },
    });
    expect(await codeOf(server.as("bo").removeMembers(ROOM, ["ana"]))).toBe("forbidden");
    expect(await codeOf(server.as("cy").send(ROOM, "hi"))).toBe("not_found");
    expect(asked).toBe(0);
  });

  it.each([null, 0, "", "no", {}, NaN])(
    "fails on the answer %j instead of taking it for a yes",
    async (rubbish) => {
      const { server, lines } = await openRoom({ authorize: () => rubbish as unknown as boolean });
      expect(await viaSocket(server)).toMatchObject({ code: "internal" });
      expect(await viaHttp(server)).toMatchObject({ code: "internal" });
      expect(await stored(server)).toEqual([]);
      expect(lines).toContainEqual(expect.objectContaining({ event: "request_failed", error: "TypeError" }));
      expect(lines).toContainEqual(expect.objectContaining({ event: "http_request_failed" }));
    },
  );

  it("fails as internal when it throws, and is logged without its message", async () => {
    const { server, lines } = await openRoom({
      authorize: () => {
        throw new RangeError("no such tenant: hunter2");
      },
    });
    const refusal = await viaSocket(server);
    expect(refusal).toMatchObject({ code: "internal", retryable: true });
    expect(JSON.stringify([refusal, lines])).not.toContain("hunter2");
    expect(lines).toContainEqual(expect.objectContaining({ event: "request_failed", error: "RangeError" }));
  });

  it.each([
    ["a code that fits no frame", new ChatError("x".repeat(LIMITS.idBytes + 1), "no")],
    ["half a character in its sentence", new ChatError("forbidden", "no \ud83d")],
    ["a time to wait that is none", new ChatError("rate_limited", "no", { retryAfter: NaN })],
  ])("fails as internal on a ChatError with %s: the device could not read it", async (_, error) => {
    const { server } = await openRoom({ authorize: () => Promise.reject(error) });
    expect(await viaSocket(server)).toMatchObject({ code: "internal" });
  });

  it("has the hook's deadline: then its signal fires, and the device may try again", async () => {
    let signal: AbortSignal | undefined;
    const asked = gate<void>();
    const { server, clock } = await openRoom({
      authorize(request) {
        signal = request.signal;
        asked.open();
        return new Promise(() => {});
      },
    });
    const answer = viaSocket(server);
    await asked.opened;
    clock.advance(DEADLINE - 1);
    await clock.settle();
    expect(signal?.aborted).toBe(false);
    clock.advance(1);
    expect(await answer).toMatchObject({ code: "overloaded", retryable: true });
    expect(signal?.aborted).toBe(true);
  });

  it("has nobody hear later of the profiles that it kept from them", async () => {
    const { server, clock } = await openRoom({
      authorize: ({ operation, userId }) => operation !== "get-users" || userId === "bo",
    });
    const users = [{ userId: "cy" }];
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    expect(await ana.ask({ type: "get-users", users })).toMatchObject({ code: "forbidden" });
    await bo.expect("users", { type: "get-users", users });
    await server.as("cy").setProfile({ name: "Cy" });
    await bo.until(({ type }) => type === "user-changed");
    await clock.settle();
    expect(ana.received.filter(({ type }) => type === "user-changed")).toEqual([]);
  });

  it("is not asked again about what was done: whoever repeats it gets the first answer, whatever the hook says now", async () => {
    let asked = 0;
    let isOpen = true;
    const { server } = await openRoom({
      authorize() {
        asked++;
        return isOpen;
      },
    });
    const ana = server.as("ana");
    const key = (number: number): { clientMessageId: string } => ({ clientMessageId: uuid(number) });
    const everything: readonly (() => Promise<unknown>)[] = [
      () => ana.createGroup({ id: "other", members: ["bo"] }, key(1)),
      () => ana.addMembers(ROOM, ["cy"], key(2)),
      () => ana.setRole(ROOM, ["cy"], "admin", key(3)),
      () => ana.update(ROOM, { name: "Deck" }, key(4)),
      () => ana.send(ROOM, "hi", key(5)),
      () => ana.redact(ROOM, 5, key(6)),
      () => ana.removeMembers(ROOM, ["cy"], key(7)),
    ];
    for (const operation of everything) await operation();
    expect(asked).toBe(everything.length);
    isOpen = false;
    for (const operation of everything) expect(await codeOf(operation())).toBe("ok");
    expect(asked).toBe(everything.length);
    expect(await codeOf(ana.send(ROOM, "hi"))).toBe("forbidden");
  });
});

describe("beforeSend", () => {
  it("rewrites text and data for everybody, the sender's own device too", async () => {
    const { server } = await openRoom({
      beforeSend: ({ text }) => ({ text: text!.toUpperCase(), data: { was: text! } }),
    });
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    const rewritten = { text: "HI", data: { was: "hi" } };
    expect(await ana.send(ROOM, "hi")).toMatchObject({ type: "message-stored", messageId: 2, rewritten });
    await bo.until((frame) => frame.type === "entries" && frame.through === 2);
    expect(bo.pushed(ROOM).at(-1)).toMatchObject(rewritten);
  });

  it("leaves kind and replyTo, and stores nothing else that it returns", async () => {
    const { server } = await openRoom({
      beforeSend: () => ({ text: "…", kind: "created", senderId: "bo", replyTo: 7, createdAt: 0 }),
    });
    const entry = await server.as("ana").send(ROOM, { text: "rude", kind: "x-note", replyTo: 1 });
    expect(entry).toMatchObject({ text: "…", kind: "x-note", senderId: "ana", replyTo: 1 });
    expect(entry.createdAt).toBeGreaterThan(0);
  });

  it("runs once for a message, which is answered as it was stored from then on", async () => {
    const seen: string[] = [];
    const { server } = await openRoom({
      beforeSend: ({ text }) => {
        seen.push(text!);
        return { text: `${text} (${seen.length})` };
      },
    });
    const key = uuid(1);
    const phone = await RawDevice.open(server, "ana");
    const first = await phone.send(ROOM, "hi", key);
    phone.drop();
    const again = await RawDevice.open(server, "ana", phone.deviceId);
    expect(await again.send(ROOM, "hi", key)).toMatchObject({
      messageId: (first as { messageId: number }).messageId,
      rewritten: { text: "hi (1)" },
    });
    expect(seen).toEqual(["hi"]);
    expect(await stored(server)).toEqual(["hi (1)"]);
  });

  it("is asked once even if the membership moves while it thinks, and what it said is stored", async () => {
    const asked = gate<void>();
    const thinking = gate<void>();
    let calls = 0;
    const { server } = await openRoom({
      async beforeSend() {
        calls++;
        asked.open();
        await thinking.opened;
        return { text: "thought over" };
      },
    });
    const sent = server.as("ana").send(ROOM, "hasty");
    await asked.opened;
    await server.system.addMembers(ROOM, ["cy"]);
    thinking.open();
    expect(await sent).toMatchObject({ text: "thought over" });
    expect(calls).toBe(1);
  });

  it("does not let through a sender who was removed while it thought", async () => {
    const asked = gate<void>();
    const thinking = gate<void>();
    const { server } = await openRoom({
      async beforeSend() {
        asked.open();
        await thinking.opened;
      },
    });
    const sent = codeOf(server.as("bo").send(ROOM, "hi"));
    await asked.opened;
    await server.system.removeMembers(ROOM, ["bo"]);
    thinking.open();
    expect(await sent).toBe("forbidden");
  });

  it("refuses one message; those behind it go on", async () => {
    const { server } = await openRoom({
      beforeSend({ text }) {
        if (text === "spam") throw new ChatError("spam", "This looks like spam.");
      },
    });
    const ana = await RawDevice.open(server, "ana");
    const answers = await Promise.all(["one", "spam", "two"].map((text) => ana.send(ROOM, text)));
    expect(answers[1]).toMatchObject({ type: "error", code: "spam", message: "This looks like spam." });
    expect(await stored(server)).toEqual(["one", "two"]);
  });

  it("holds back those behind a message that it could not decide about, so that they keep their order", async () => {
    let isUp = false;
    const { server, clock } = await openRoom({
      beforeSend: ({ text }) => (isUp || text !== "two" ? undefined : new Promise(() => {})),
    });
    const ana = await RawDevice.open(server, "ana");
    const keys = [uuid(1), uuid(2), uuid(3)];
    const texts = ["one", "two", "three"];
    const send = (): Promise<unknown[]> =>
      Promise.all(
        texts.map((text, index) =>
          ana.ask({
            type: "send-message",
            conversationId: ROOM,
            clientMessageId: keys[index]!,
            text,
            ...(index === 0 && { first: true }),
          }),
        ),
      );
    const first = send();
    await clock.settle();
    clock.advance(DEADLINE);
    expect(await first).toMatchObject([
      { type: "message-stored" },
      { code: "overloaded", retryable: true },
      { code: "out_of_order", retryable: true },
    ]);
    isUp = true;
    expect(await send()).toMatchObject([{ messageId: 2 }, { messageId: 3 }, { messageId: 4 }]);
    expect(await stored(server)).toEqual(texts);
  });

  it.each([
    ["a string", "text", "internal"],
    ["a list", [], "internal"],
    ["null", null, "internal"],
    ["nothing to store", {}, "internal"],
    ["a number for text", { text: 5 }, "internal"],
    ["a function for data", { data: () => 1 }, "internal"],
    ["no text in the text", { text: "" }, "text_empty"],
    ["too much text", { text: "x".repeat(5_000) }, "text_too_long"],
    ["half a character", { text: "\ud83d" }, "text_malformed"],
    ["data that JSON has no words for", { data: { at: new Date(0) } }, "data_invalid"],
  ])("does not store %s", async (_, rubbish, code) => {
    const { server } = await openRoom({ beforeSend: () => rubbish as { text: string } });
    expect(await viaSocket(server)).toMatchObject({ code });
    expect(await viaHttp(server)).toMatchObject({ code });
    expect(await stored(server)).toEqual([]);
  });

  it("changes nothing by what it does to the message itself", async () => {
    const { server } = await openRoom({
      beforeSend(message) {
        const loose = message as { text?: string } & Omit<OutgoingMessage, "text">;
        loose.text = "changed";
        (loose.data as { n: number }).n = 2;
      },
    });
    await server.as("ana").send(ROOM, { text: "hi", data: { n: 1 } });
    const { entries } = await server.system.history(ROOM, { after: 1 });
    expect(entries[0]).toMatchObject({ text: "hi", data: { n: 1 } });
  });
});

describe("afterSend", () => {
  it("is told once of every message that was stored, and of no refusal, resend or system entry", async () => {
    const told: unknown[] = [];
    const { server, clock } = await openRoom({
      afterSend: ({ messageId, senderId, text }) => told.push([messageId, senderId, text]),
    });
    const ana = server.as("ana");
    await ana.send(ROOM, "one", { clientMessageId: uuid(1) });
    await ana.send(ROOM, "one", { clientMessageId: uuid(1) });
    await codeOf(ana.send(ROOM, ""));
    await codeOf(server.as("cy").send(ROOM, "hi"));
    await server.system.send(ROOM, "hello");
    await ana.addMembers(ROOM, ["cy"]);
    await viaHttp(server, "two");
    await clock.settle();
    expect(told).toEqual([
      [2, "ana", "one"],
      [5, "ana", "two"],
    ]);
  });

  it("may throw, reject or never end, without anybody noticing but the log", async () => {
    const ways = [
      () => {
        throw new Error("hunter2");
      },
      () => Promise.reject(new Error("hunter2")),
      () => new Promise(() => {}),
    ];
    const { server, clock, lines } = await openRoom({ afterSend: ({ messageId }) => ways[messageId - 2]!() });
    for (const text of ["one", "two", "three"]) await server.as("ana").send(ROOM, text);
    await clock.settle();
    clock.advance(DEADLINE);
    expect(lines.filter(({ event }) => event.startsWith("after_send"))).toMatchObject([
      { event: "after_send_failed", code: "internal" },
      { event: "after_send_failed", code: "internal" },
      { event: "after_send_late" },
    ]);
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    expect(await stored(server)).toEqual(["one", "two", "three"]);
  });

  it("is left out while a thousand calls are under way, and told again after those that never end are given up", async () => {
    let told = 0;
    const { server, clock, lines } = await openRoom({
      afterSend() {
        told++;
        return new Promise(() => {});
      },
    });
    const ana = server.as("ana");
    const sendMany = async (count: number): Promise<void> => {
      await Promise.all(Array.from({ length: count }, (_, index) => ana.send(ROOM, `${index}`)));
      await clock.settle();
    };
    await sendMany(1_001);
    expect(told).toBe(1_000);
    expect(lines.filter(({ event }) => event === "after_send_left_out")).toHaveLength(1);
    clock.advance(DEADLINE);
    await sendMany(1);
    expect(told).toBe(1_001);
  });
});

async function viaSocket(server: ChatServer): Promise<unknown> {
  const device = await RawDevice.open(server, "ana");
  const answer = await device.send(ROOM, "hi");
  device.drop();
  return answer;
}

async function viaHttp(server: ChatServer, text = "hi"): Promise<unknown> {
  const path = `/conversations/${ROOM}/messages`;
  const { body } = await call(server, "POST", path, { clientMessageId: crypto.randomUUID(), text });
  return (body as { error?: unknown }).error ?? body;
}
