import { ChatError, type ClientFrame } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import type { MessageContent, SentMessage } from "../../src/public-types.js";
import { memoryCache } from "../../src/cache/memory-cache.js";
import { seededRandom } from "../../src/testing/virtual-clock.js";
import { createWorld, texts, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

type Send = Extract<ClientFrame, { type: "send-message" }>;

function sends(): Send[] {
  return world.server.received
    .flatMap(({ frames }) => frames)
    .filter((frame): frame is Send => frame.type === "send-message");
}

function stored(room: string): (string | undefined)[] {
  return world.server.log(room).flatMap(({ text }) => text ?? []);
}

/** A device in a room of its own, online and with its timeline open. */
async function begin(options: Parameters<World["device"]>[1] = {}) {
  world = createWorld();
  const room = world.server.createGroup(["ana", "bo"], "room");
  const client = world.device("ana", options);
  await world.clock.advance(1_000);
  void texts(client, room);
  await world.clock.advance(100);
  const send = (text: string | MessageContent): Promise<SentMessage> =>
    client.conversations.get(room)!.send(text);
  /** Sends what the server refuses for good, and waits until it has. */
  const sendRefused = async <Contents extends readonly (string | MessageContent)[]>(
    ...contents: Contents
  ): Promise<{ [At in keyof Contents]: SentMessage }> => {
    refuseSends();
    const sent: SentMessage[] = [];
    for (const content of contents) sent.push(await send(content));
    await world.clock.advance(1_000);
    world.server.faults.incoming = undefined;
    return sent as { [At in keyof Contents]: SentMessage };
  };
  return { ...world, room, client, send, sendRefused };
}

function refuseSends(): void {
  world.server.faults.incoming = (frame) =>
    frame.type === "send-message" ? new ChatError("forbidden", "not you") : undefined;
}

async function sendAll(send: (text: string) => Promise<unknown>, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, index) => `m${index + 1}`);
  for (const message of messages) await send(message);
  return messages;
}

describe("sending", () => {
  test("keeps the order, with a bounded window, and says first only when nothing is under way", async () => {
    const { clock, room, send, client } = await begin();
    const all = await sendAll(send, 100);
    expect(client.status.pending).toBe(100);
    await clock.advance(1);
    expect(sends()).toHaveLength(CLIENT_LIMITS.sendWindow);
    expect(sends().map(({ first }) => first)).toEqual([true, ...Array<undefined>(31).fill(undefined)]);
    await clock.advance(1_000);
    expect(stored(room)).toEqual(all);
    expect(texts(client, room)).toEqual(all);
    expect(client.status.pending).toBe(0);
    expect(sends()).toHaveLength(100);
  });

  test("shows a message at once, and keeps its key when it is stored", async () => {
    const { clock, room, send, client } = await begin();
    const sending = send("hello");
    expect(texts(client, room)).toEqual(["(hello)"]);
    const { clientMessageId, stored } = await sending;
    await clock.advance(100);
    const message = await stored;
    expect(message).toMatchObject({ key: clientMessageId, messageId: 2, state: "stored", senderId: "ana" });
    expect(client.conversations.get(room)!.timeline.messages.at(-1)).toBe(message);
  });

  test("can be given up while the message is being kept, and not later", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana"]);
    const client = world.device("ana");
    await clock.advance(1_000);
    const conversation = client.conversations.get(room)!;
    const controller = new AbortController();
    const { signal } = controller;
    const given = conversation.send("never mind", { signal });
    expect(texts(client, room)).toEqual(["(never mind)"]);
    controller.abort();
    await expect(given).rejects.toMatchObject({ code: "aborted" });
    await expect(conversation.send("nor this", { signal })).rejects.toMatchObject({ code: "aborted" });
    expect(texts(client, room)).toEqual([]);
    const late = new AbortController();
    const { stored } = await conversation.send("kept", { signal: late.signal });
    late.abort();
    await clock.advance(1_000);
    await stored;
    expect(server.log(room).flatMap(({ text }) => text ?? [])).toEqual(["kept"]);
    expect(client.status.pending).toBe(0);
  });

  test("takes a copy of the data", async () => {
    const { clock, room, send } = await begin();
    const data = { list: ["a"] };
    const sending = send({ kind: "x-list", data });
    data.list.push("b");
    await sending;
    await clock.advance(100);
    expect(world.server.log(room).at(-1)).toMatchObject({ kind: "x-list", data: { list: ["a"] } });
  });

  test("works offline, and everything arrives once, in order", async () => {
    const { clock, room, client, send } = await begin();
    client.disconnect();
    const all = await sendAll(send, 5);
    expect(texts(client, room)).toEqual(all.map((text) => `(${text})`));
    await clock.advance(60_000);
    client.connect();
    await clock.advance(1_000);
    expect(stored(room)).toEqual(all);
  });

  test("different conversations do not wait for each other", async () => {
    const { clock, server, client, send, room } = await begin();
    const other = server.createGroup(["ana", "bo"], "other");
    await clock.advance(100);
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && frame.conversationId === room
        ? new ChatError("store_unavailable", "busy")
        : undefined;
    await send("stuck");
    await client.conversations.get(other)!.send("through");
    await clock.advance(1_000);
    expect(stored(other)).toEqual(["through"]);
    expect(stored(room)).toEqual([]);
  });
});

describe("a lost answer", () => {
  test("is made up for by the pushed entry, and the late answer is harmless", async () => {
    const { clock, server, room, client, send } = await begin();
    server.faults.outgoing = (frame) => (frame.type === "message-stored" ? [5_000] : [0]);
    const { stored: answered } = await send("once");
    await clock.advance(100);
    expect((await answered).messageId).toBe(2);
    expect(client.status.pending).toBe(0);
    await clock.advance(10_000);
    expect(stored(room)).toEqual(["once"]);
    expect(texts(client, room)).toEqual(["once"]);
  });

  test("of which the push is lost too is asked for again under the same key, over a new connection", async () => {
    const { clock, server, room, client, send } = await begin({ requestTimeout: 5_000 });
    server.faults.outgoing = (frame) =>
      frame.type === "message-stored" || frame.type === "entries" ? [] : [0];
    await send("once");
    await clock.advance(4_000);
    server.faults.outgoing = undefined;
    await clock.advance(10_000);
    expect(sends().length).toBeGreaterThan(1);
    expect(new Set(sends().map(({ clientMessageId }) => clientMessageId)).size).toBe(1);
    expect(sends().every(({ first }) => first === true)).toBe(true);
    const hellos = world.server.received.filter(({ frames }) => frames[0]?.type === "hello");
    expect(hellos.length).toBe(sends().length);
    expect(stored(room)).toEqual(["once"]);
    expect(texts(client, room)).toEqual(["once"]);
    expect(client.status.pending).toBe(0);
  });

  test("when the connection breaks: all unanswered go again, in order", async () => {
    const { clock, server, room, client, send } = await begin();
    server.faults.outgoing = (frame) =>
      frame.type === "message-stored" || frame.type === "entries" ? [] : [0];
    const all = await sendAll(send, 40);
    await clock.advance(10);
    server.faults.outgoing = undefined;
    server.cut();
    await clock.advance(5_000);
    expect(stored(room)).toEqual(all);
    expect(texts(client, room)).toEqual(all);
  });
});

describe("an acknowledgement beyond a gap", () => {
  test("waits for what comes before it, and leaves the outbox only then", async () => {
    const { clock, server, room, client, send } = await begin();
    server.faults.outgoing = (frame) => (frame.type === "entries" || frame.type === "range" ? [] : [0]);
    server.post(room, "bo", "unseen");
    await clock.advance(10);
    await send("mine");
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(["(mine)"]);
    expect(client.status.pending).toBe(1);
    expect(client.conversations.get(room)!.timeline.state).toBe("filling");
    server.faults.outgoing = undefined;
    await clock.advance(60_000);
    expect(texts(client, room)).toEqual(["unseen", "mine"]);
    expect(sends()).toHaveLength(1);
  });
});

describe("a refusal", () => {
  test("for good marks the message and holds nothing up", async () => {
    const { clock, server, room, client, send } = await begin();
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && frame.text === "m2"
        ? new ChatError("forbidden", "not you")
        : undefined;
    await send("m1");
    const refused = await send("m2");
    await send("m3");
    const rejection = expect(refused.stored).rejects.toMatchObject({ code: "forbidden", message: "not you" });
    await clock.advance(1_000);
    await rejection;
    expect(stored(room)).toEqual(["m1", "m3"]);
    expect(texts(client, room)).toEqual(["m1", "m3", "m2!"]);
    expect(client.status.pending).toBe(0);
    expect(client.conversations.get(room)!.timeline.messages.at(-1)!.error).toEqual({
      code: "forbidden",
      message: "not you",
    });
  });

  test("that nobody looks at is no unhandled rejection", async () => {
    const { clock, send } = await begin();
    refuseSends();
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    await send("m1");
    await clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });

  test("of a failed message can be tried again or discarded", async () => {
    const { clock, room, client, sendRefused } = await begin();
    const conversation = client.conversations.get(room)!;
    const [first, second] = await sendRefused("m1", {
      text: "m2",
      kind: "x-note",
      data: { a: 1 },
      replyTo: 1,
    });
    await conversation.discard(first.clientMessageId);
    await expect(conversation.discard(first.clientMessageId)).rejects.toMatchObject({ code: "not_found" });
    const again = await conversation.retry(second.clientMessageId);
    // Tried again in two tabs at once it is one message, for the server knows it by its key.
    expect(again.clientMessageId).toBe(second.clientMessageId);
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(["m2"]);
    expect(await again.stored).toMatchObject({ text: "m2", kind: "x-note", data: { a: 1 }, replyTo: 1 });
  });

  test("of a failed message that is tried again twice at once sends it once", async () => {
    const { clock, room, client, sendRefused } = await begin();
    const conversation = client.conversations.get(room)!;
    const [{ clientMessageId }] = await sendRefused("m1");
    const [first, second] = [conversation.retry(clientMessageId), conversation.retry(clientMessageId)];
    // In the place of the failed one at once.
    expect(texts(client, room)).toEqual(["(m1)"]);
    await expect(second).rejects.toMatchObject({ code: "not_found" });
    await first;
    await clock.advance(1_000);
    expect(stored(room)).toEqual(["m1"]);
    expect(texts(client, room)).toEqual(["m1"]);
  });

  test("of a failed message that is given up while it is tried again leaves it as it was", async () => {
    const cache = memoryCache({ random: seededRandom(3) });
    const { clock, room, client, sendRefused } = await begin({ cache });
    const conversation = client.conversations.get(room)!;
    const [{ clientMessageId }] = await sendRefused("m1");
    const controller = new AbortController();
    const retrying = conversation.retry(clientMessageId, { signal: controller.signal });
    controller.abort();
    await expect(retrying).rejects.toMatchObject({ code: "aborted" });
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(["m1!"]);
    expect((await cache.load()).outbox).toMatchObject([{ clientMessageId, failure: { code: "forbidden" } }]);
    await conversation.retry(clientMessageId);
    await clock.advance(1_000);
    expect(texts(client, room)).toEqual(["m1"]);
    expect((await cache.load()).outbox).toEqual([]);
  });

  test("for now takes those behind it back, and all go again in order, first first", async () => {
    const { clock, server, room, client, send } = await begin();
    let failures = 0;
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && frame.text === "m5" && ++failures <= 3
        ? new ChatError("store_unavailable", "busy")
        : undefined;
    const all = await sendAll(send, 20);
    await clock.advance(30_000);
    expect(stored(room)).toEqual(all);
    expect(texts(client, room)).toEqual(all);
    const retries = sends().filter(({ text }) => text === "m5");
    expect(retries).toHaveLength(4);
    expect(retries.slice(1).every(({ first }) => first === true)).toBe(true);
    expect(new Set(sends().map(({ text, clientMessageId }) => `${text} ${clientMessageId}`)).size).toBe(20);
  });

  test("for now is tried again when the server says", async () => {
    const { clock, server, room, send } = await begin();
    let failures = 0;
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && ++failures === 1
        ? new ChatError("overloaded", "busy", { retryAfter: 7_000 })
        : undefined;
    await send("m1");
    await clock.advance(6_900);
    expect(sends()).toHaveLength(1);
    await clock.advance(200);
    expect(stored(room)).toEqual(["m1"]);
  });

  test("for now does not keep a message back for longer than a while, whatever the server says", async () => {
    const { clock, server, room, send } = await begin();
    let failures = 0;
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && ++failures === 1
        ? new ChatError("overloaded", "busy", { retryAfter: 2 ** 32 })
        : undefined;
    await send("m1");
    await clock.advance(CLIENT_LIMITS.longestWait - 1_000);
    expect(sends()).toHaveLength(1);
    await clock.advance(2_000);
    expect(stored(room)).toEqual(["m1"]);
  });

  test("for good is an answer, too: what fails after it begins with the shortest wait", async () => {
    const { clock, server, room, client, send } = await begin();
    let answer: ChatError | undefined = new ChatError("store_unavailable", "busy");
    server.faults.incoming = (frame) => (frame.type === "send-message" ? answer : undefined);
    await send("m1");
    await clock.advance(10 * CLIENT_LIMITS.backoffCap);
    answer = new ChatError("forbidden", "no");
    await clock.advance(2 * CLIENT_LIMITS.backoffCap);
    expect(texts(client, room)).toEqual(["m1!"]);
    answer = new ChatError("store_unavailable", "busy");
    await send("m2");
    await clock.advance(10);
    answer = undefined;
    await clock.advance(CLIENT_LIMITS.backoffStep);
    expect(stored(room)).toEqual(["m2"]);
  });

  test("for now does not let later messages overtake", async () => {
    const { clock, server, room, send } = await begin();
    let broken = true;
    server.faults.incoming = (frame) =>
      frame.type === "send-message" && broken ? new ChatError("store_unavailable", "busy") : undefined;
    await send("m1");
    await clock.advance(100);
    await send("m2");
    await clock.advance(5_000);
    broken = false;
    await clock.advance(60_000);
    expect(stored(room)).toEqual(["m1", "m2"]);
  });
});

describe("a restart", () => {
  test("sends what waited, in order, with what is written then behind it", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    before.disconnect();
    await sendAll((text) => before.conversations.get(room)!.send(text), 3);
    await before.close();
    const after = world.device("ana", { cache });
    after.disconnect();
    await clock.advance(100);
    void texts(after, room);
    await clock.advance(100);
    expect(texts(after, room)).toEqual(["(m1)", "(m2)", "(m3)"]);
    expect(after.status).toMatchObject({ pending: 3, storage: "persistent" });
    await after.conversations.get(room)!.send("m4");
    await after.close();
    const last = world.device("ana", { cache });
    await clock.advance(1_000);
    expect(last.status.pending).toBe(0);
    expect(stored(room)).toEqual(["m1", "m2", "m3", "m4"]);
    expect((await cache.load()).outbox).toEqual([]);
  });

  test("keeps whom a message mentions, each once, and fails where somebody has left meanwhile", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo", "cy"], "room");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    const bo = world.device("bo");
    await clock.advance(1_000);
    before.disconnect();
    const mentions = ["bo", "cy", "bo"];
    await before.conversations.get(room)!.send({ text: "@bo @cy", mentions });
    mentions.push("changed afterwards");
    await before.conversations.get(room)!.send({ text: "@bo", mentions: ["bo"] });
    await before.conversations.get(room)!.send({ text: "none", mentions: [] });
    await before.close();
    expect((await cache.load()).outbox.map((item) => item.mentions)).toEqual([
      ["bo", "cy"],
      ["bo"],
      undefined,
    ]);
    server.removeMembers(room, "ana", ["cy"]);
    const after = world.device("ana", { cache });
    for (const client of [after, bo]) void texts(client, room);
    await clock.advance(1_000);
    for (const client of [after, bo]) void texts(client, room);
    await clock.advance(1_000);
    expect(texts(after, room)).toEqual(["@bo", "none", "@bo @cy!"]);
    const [failed] = after.conversations.get(room)!.timeline.messages.slice(-1);
    expect(failed).toMatchObject({ error: { code: "mention_unknown" }, mentions: ["bo", "cy"] });
    const shown = bo.conversations.get(room)!.timeline.messages.slice(-2);
    expect(shown.map((message) => message.mentions)).toEqual([["bo"], undefined]);
    // Nothing of it is left behind a redaction, here and there.
    await Promise.all([after.conversations.get(room)!.redact(shown[0]!.messageId!), clock.advance(1_000)]);
    for (const client of [after, bo]) {
      const line = client.conversations.get(room)!.timeline.messages.find(({ redacted }) => redacted);
      expect(line).toMatchObject({ messageId: shown[0]!.messageId });
      expect(line).not.toHaveProperty("mentions");
    }
    // Somebody is a member again: once more, as it was.
    server.addMembers(room, "ana", ["cy"]);
    const [again] = await Promise.all([
      after.conversations.get(room)!.retry(failed!.key),
      clock.advance(1_000),
    ]);
    expect(await again.stored).toMatchObject({ mentions: ["bo", "cy"], state: "stored" });
  });

  test("refuses mentions that are none before they are kept", async () => {
    const { send } = await begin();
    for (const mentions of ["bo", [1], [""], [undefined]] as unknown as string[][]) {
      await expect(send({ text: "hi", mentions })).rejects.toMatchObject({ code: "invalid_argument" });
    }
    const many = Array.from({ length: 51 }, (_, at) => `u${at}`);
    await expect(send({ text: "hi", mentions: many })).rejects.toMatchObject({ code: "limit_exceeded" });
  });

  test("after the answer was lost sends under the same key and device", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    server.faults.outgoing = (frame) =>
      frame.type === "message-stored" || frame.type === "entries" ? [] : [0];
    await before.conversations.get(room)!.send("once");
    await clock.advance(100);
    expect(stored(room)).toEqual(["once"]);
    await before.close();
    server.faults.outgoing = undefined;
    const after = world.device("ana", { cache });
    await clock.advance(1_000);
    expect(stored(room)).toEqual(["once"]);
    expect(after.status.pending).toBe(0);
  });

  test("keeps failed messages", async () => {
    world = createWorld();
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"], "room");
    const cache = world.cache();
    const before = world.device("ana", { cache });
    await clock.advance(1_000);
    server.faults.incoming = (frame) =>
      frame.type === "send-message" ? new ChatError("forbidden", "no") : undefined;
    await before.conversations.get(room)!.send("refused");
    await clock.advance(1_000);
    await before.close();
    server.faults.incoming = undefined;
    const after = world.device("ana", { cache });
    await clock.advance(1_000);
    void texts(after, room);
    await clock.advance(100);
    expect(texts(after, room)).toEqual(["refused!"]);
    expect(stored(room)).toEqual([]);
  });
});

describe("what can't be sent", () => {
  test.each<[string | MessageContent, string]>([
    ["", "text_empty"],
    [{}, "text_empty"],
    ["x".repeat(4_097), "text_too_long"],
    ["half \ud83d", "text_malformed"],
    [{ data: { deep: "x".repeat(5_000) } }, "data_invalid"],
    [{ text: "x", kind: "created" }, "invalid_argument"],
    [{ text: "x", kind: "x-" }, "invalid_argument"],
    [{ text: "x", replyTo: 0 }, "invalid_argument"],
  ])("%# is refused before it is kept", async (content, code) => {
    const { send, client } = await begin();
    await expect(send(content)).rejects.toMatchObject({ code });
    expect(client.status.pending).toBe(0);
  });

  test("goes by the server's limit once it is known", async () => {
    world = createWorld({ textCharacters: 10 });
    const room = world.server.createGroup(["ana"], "room");
    const client = world.device("ana");
    await world.clock.advance(1_000);
    const conversation = client.conversations.get(room)!;
    await expect(conversation.send("x".repeat(11))).rejects.toMatchObject({ code: "text_too_long" });
    await conversation.send("😀".repeat(10));
  });

  test("is what exceeds the outbox", async () => {
    const { client, send } = await begin();
    client.disconnect();
    await Promise.all(Array.from({ length: CLIENT_LIMITS.outboxItems }, () => send("x")));
    await expect(send("one too many")).rejects.toMatchObject({ code: "limit_exceeded" });
  });

  test("is anything after close", async () => {
    const { client, room } = await begin();
    const conversation = client.conversations.get(room)!;
    await client.close();
    await expect(conversation.send("x")).rejects.toMatchObject({ code: "closed" });
  });
});

test("a message that is pending when the client closes is told so, and stays", async () => {
  const { client, send } = await begin();
  client.disconnect();
  const { stored } = await send("later");
  const rejection = expect(stored).rejects.toMatchObject({ code: "closed" });
  await client.close();
  await rejection;
});
