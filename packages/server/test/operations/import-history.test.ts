import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ChatError } from "@chat/protocol";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type ChatStore,
  createChatServer,
  type ImportProgress,
  type ImportRow,
  type RefusedRow,
} from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { testServer } from "../../src/testing/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const ROOM = "room";
const room: ImportRow = {
  type: "conversation",
  conversationId: ROOM,
  conversationType: "group",
  members: ["ana", "bo"],
  createdAt: 1_000,
};

function message(number: number, more: Partial<ImportRow> = {}): ImportRow {
  return {
    type: "message",
    conversationId: ROOM,
    externalId: `m${number}`,
    senderId: number % 2 === 0 ? "ana" : "bo",
    createdAt: 1_000 + number,
    text: `message ${number}`,
    ...more,
  } as ImportRow;
}

/** A real conversation: some 200 lines of an IRC channel. */
function recordedRows(): ImportRow[] {
  const log = readFileSync(
    new URL("../../../../examples/quickstart/seed/ubuntu-irc-2005-06-27.txt", import.meta.url),
    "utf8",
  );
  const lines = [...log.matchAll(/^\[(\d\d:\d\d)\] <([^>]+)> (.+)$/gm)];
  const members = [...new Set(lines.map(([, , nick]) => nick!))];
  return [
    { ...room, members } as ImportRow,
    ...lines.map(([, time, nick, text], index): ImportRow => ({
      type: "message",
      conversationId: ROOM,
      externalId: `${index}`,
      senderId: nick!,
      createdAt: Date.parse(`2005-06-27T${time}:00Z`),
      text: text!,
    })),
  ];
}

async function history(server: Awaited<ReturnType<typeof openServer>>): Promise<string[]> {
  const texts: string[] = [];
  for (let after = 0; ;) {
    const range = await server.system.history(ROOM, { after, limit: 200 });
    texts.push(...range.entries.flatMap(({ text }) => (text === undefined ? [] : [text])));
    if (range.through >= range.head) return texts;
    after = range.through;
  }
}

describe("importing history", () => {
  it("keeps order, senders and times of a real conversation", async () => {
    const server = await openServer();
    const rows = recordedRows();
    const said = rows.flatMap((row) => (row.type === "message" ? [row] : []));
    expect(said.length).toBeGreaterThan(150);
    expect(await server.importHistory(rows)).toEqual({
      rows: rows.length,
      conversations: 1,
      messages: said.length,
      duplicates: 0,
      refused: 0,
    });
    expect(await history(server)).toEqual(said.map(({ text }) => text));
    const { entries } = await server.system.history(ROOM, { after: 0, limit: 3 });
    expect(entries[0]).toMatchObject({ kind: "created", createdAt: 1_000 });
    expect(entries[1]).toMatchObject({ senderId: said[0]!.senderId, createdAt: said[0]!.createdAt });
    const row = await server.as(said[0]!.senderId).conversation(ROOM);
    expect(row).toMatchObject({ createdAt: 1_000, latest: { snippet: said.at(-1)!.text } });
  });

  it("doubles nothing in a second run, whatever was said and left meanwhile", async () => {
    const server = await openServer();
    const rows = [
      { ...room, members: ["ana", "bo", "cy"], admins: ["bo"] } as ImportRow,
      message(1),
      message(2),
    ];
    await server.importHistory(rows);
    await server.as("cy").removeMembers(ROOM, ["cy"]);
    await server.as("ana").send(ROOM, "new");
    await server.as("ana").setRole(ROOM, ["bo"], "member");
    expect(await server.importHistory([...rows, message(3)])).toMatchObject({ messages: 1, duplicates: 2 });
    expect(await history(server)).toEqual(["message 1", "message 2", "new", "message 3"]);
    const { items } = await server.system.members(ROOM);
    expect(items.map(({ userId, role }) => [userId, role])).toEqual([
      ["ana", "owner"],
      ["bo", "member"],
    ]);
  });

  it("goes on where it was interrupted, and reads its rows no faster than it stores them", async () => {
    const server = await openServer();
    let read = 0;
    const stored: number[] = [];
    async function* rows(end: number): AsyncGenerator<ImportRow> {
      yield room;
      for (let number = 1; number <= 1_000; number++) {
        read++;
        if (number > end) throw new Error("the disk is gone");
        yield message(number);
      }
    }
    const onProgress = ({ messages }: ImportProgress): void => {
      stored.push(messages);
      expect(read - messages).toBeLessThanOrEqual(200);
    };
    await expect(server.importHistory(rows(700), { onProgress })).rejects.toThrow("the disk is gone");
    expect(stored).toEqual([200, 400, 600]);
    expect(await server.importHistory(rows(1_000))).toMatchObject({ messages: 400, duplicates: 600 });
    expect(await history(server)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => `message ${index + 1}`),
    );
  });

  it("ends between two batches when its signal fires", async () => {
    const server = await openServer();
    const controller = new AbortController();
    const rows = [room, ...Array.from({ length: 500 }, (_, index) => message(index + 1))];
    const ended = server.importHistory(rows, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(ended).rejects.toMatchObject({ code: "aborted" });
    expect(await history(server)).toHaveLength(200);
  });

  it("takes lines of JSON, and answers by externalId", async () => {
    const server = await openServer();
    const replyTo = { externalId: "m1", senderId: "bo" };
    const rows = [
      room,
      message(1),
      "",
      message(2, { replyTo }),
      message(3, { replyTo, kind: "x-note", data: { a: 1 } }),
    ];
    async function* lines(): AsyncGenerator<string> {
      for (const row of rows) yield row === "" ? "" : `${JSON.stringify(row)}\r\n`;
    }
    await server.importHistory(lines());
    const { entries } = await server.system.history(ROOM, { after: 1 });
    expect(entries).toMatchObject([
      { messageId: 2 },
      { replyTo: 2 },
      { replyTo: 2, kind: "x-note", data: { a: 1 } },
    ]);
  });

  it("loses no line of a file that is read while the server is still starting", async () => {
    const file = join(temporaryFolder(), "history.jsonl");
    const rows = [room, ...Array.from({ length: 5_000 }, (_, index) => message(index))];
    writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    const database = new Database(":memory:");
    const store = sqlite(database, { allowVolatile: true });
    const lines = createInterface({ input: createReadStream(file) });
    const isRead = new Promise((resolve) => lines.once("line", () => setImmediate(resolve)));
    const slow: ChatStore = {
      open: (options) => isRead.then(() => store.open(options)),
      close: () => store.close(),
      messages: store.messages,
      conversations: store.conversations,
      housekeeping: store.housekeeping,
      pushes: store.pushes,
      watch: (listener) => store.watch(listener),
    };
    const server = createChatServer({ store: slow, authenticate: () => ({ userId: "ana" }) });
    onTestFinished(async () => {
      await server.close();
      database.close();
    });
    expect(await server.importHistory(lines)).toMatchObject({ rows: rows.length, messages: 5_000 });
    await expect(server.importHistory("history.jsonl")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("gives groups of more members than one request names, with their admins", async () => {
    const server = await openServer({ settings: { groupMembers: 1_200 } });
    const members = Array.from({ length: 1_200 }, (_, index) => `user ${index}`);
    const row: ImportRow = {
      ...room,
      members,
      admins: ["user 1100"],
    };
    await server.importHistory([row]);
    expect(await server.system.conversation(ROOM)).toMatchObject({ memberCount: 1_200 });
    expect(await server.as("user 1100").conversation(ROOM)).toMatchObject({ role: "admin" });
    await server.importHistory([row]);
    expect(await server.system.conversation(ROOM)).toMatchObject({ memberCount: 1_200 });
    await expect(
      server.importHistory([{ ...row, conversationId: "larger", members: [...members, "one more"] }]),
    ).rejects.toMatchObject({ code: "limit_exceeded" });
  });

  it("leaves a conversation as it is that was there before", async () => {
    const server = await openServer();
    await server.as("cy").createGroup({ id: ROOM, members: [], name: "Ours" });
    await server.importHistory([{ ...room, name: "Theirs", admins: ["bo"] }, message(1)]);
    expect(await server.system.conversation(ROOM)).toMatchObject({ name: "Ours", memberCount: 1 });
    expect(await history(server)).toEqual(["message 1"]);
  });

  it.each<[string, string, unknown]>([
    ["no JSON", "invalid_argument", "{"],
    ["a list", "invalid_argument", []],
    ["another type", "invalid_argument", { type: "reaction" }],
    ["no conversation", "invalid_argument", message(1, { conversationId: "" })],
    ["a conversation that is not there", "not_found", message(1, { conversationId: "nowhere" })],
    ["no externalId", "invalid_argument", message(1, { externalId: undefined } as never)],
    ["no sender", "invalid_argument", message(1, { senderId: 5 } as never)],
    ["no time", "invalid_argument", message(1, { createdAt: "yesterday" } as never)],
    ["a time before 1970", "invalid_argument", message(1, { createdAt: -1 })],
    ["a time that no clock shows", "invalid_argument", message(1, { createdAt: 1e16 })],
    ["neither text nor data", "text_empty", message(1, { text: undefined } as never)],
    ["text that is none", "invalid_argument", message(1, { text: 5 } as never)],
    ["too much text", "text_too_long", message(1, { text: "x".repeat(5_000) })],
    ["half a character", "text_malformed", message(1, { text: "\ud83d" })],
    ["data that is none", "data_invalid", message(1, { data: [] } as never)],
    ["a kind that only the server writes", "invalid_argument", message(1, { kind: "created" })],
    [
      "an answer to nothing",
      "invalid_argument",
      message(1, { replyTo: { externalId: "m9", senderId: "ana" } }),
    ],
    [
      "an answer that names no sender",
      "invalid_argument",
      message(1, { replyTo: { externalId: "m9" } } as never),
    ],
    ["a conversation of no type", "invalid_argument", { ...room, conversationType: "channel" }],
    ["a group of nobody", "invalid_argument", { ...room, conversationId: "empty", members: [] }],
    ["members that are none", "invalid_argument", { ...room, members: "ana" }],
    ["an admin who is no member", "invalid_argument", { ...room, conversationId: "other", admins: ["cy"] }],
    [
      "a pair of three",
      "invalid_argument",
      { ...room, conversationId: "other", conversationType: "direct", members: ["a", "b", "c"] },
    ],
    ["another type than it has", "conflict", { ...room, conversationType: "direct" }],
  ])("refuses a row with %s by its number, and goes on", async (_, code, row) => {
    const server = await openServer();
    const refused: RefusedRow[] = [];
    const rows = [room, message(7), row as ImportRow, message(8)];
    const done = await server.importHistory(rows, { onRefused: (one) => refused.push(one) });
    expect(refused).toMatchObject([{ row: 3, error: { code, retryable: false } }]);
    expect(done).toMatchObject({ rows: 4, messages: 2, refused: 1 });
    expect(await history(server)).toEqual(["message 7", "message 8"]);

    const strict = await openServer();
    const error: unknown = await strict.importHistory(rows).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable: false });
    expect((error as ChatError).message).toMatch(/^Row 3: \S/);
    expect((await history(strict))[0]).toBe("message 7");
  });

  it("names the conversation that a pair has already", async () => {
    const server = await openServer();
    await server.as("ana").createDirect({ id: "theirs", members: ["bo"] });
    const row = { ...room, conversationType: "direct" } as ImportRow;
    await expect(server.importHistory([row])).rejects.toThrow("theirs");
  });

  it("tries again while the store can't, and keeps the order", async () => {
    const clock = new VirtualClock();
    let appends = 0;
    const database = new Database(":memory:");
    onTestFinished(() => void database.close());
    const { chat, faults } = testServer({
      store: sqlite(database, { allowVolatile: true }),
      runtime: clock.runtime,
    });
    onTestFinished(() => chat.close());
    await chat.ready();
    await chat.importHistory([room]);
    faults.append = () =>
      ++appends <= 3 ? new ChatError("store_unavailable", "The disk is full.") : undefined;
    const imported = chat.importHistory(
      ["ana", "ana", "ana"].map((senderId, index) => message(index, { senderId })),
    );
    await clock.settle();
    expect(await chat.system.history(ROOM, { after: 1 })).toMatchObject({ entries: [] });
    while (appends < 6) {
      clock.advance(100);
      await clock.settle();
    }
    expect(await imported).toMatchObject({ messages: 3 });
    const { entries } = await chat.system.history(ROOM, { after: 1 });
    expect(entries.map(({ text }) => text)).toEqual(["message 0", "message 1", "message 2"]);
  });

  it("comes to devices that are connected in few long runs, and counts against no rate", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { sendBurst: 1, sendRate: 1 } });
    const ana = await RawDevice.open(server, "ana");
    await server.importHistory([room, ...Array.from({ length: 1_000 }, (_, index) => message(index + 1))]);
    await clock.settle();
    expect(ana.pushed(ROOM).map(({ messageId }) => messageId)).toEqual([1]);
    clock.advance(1_000);
    await ana.until((frame) => frame.type === "entries" && frame.through === 1_001);
    expect(ana.pushed(ROOM).map(({ messageId }) => messageId)).toEqual(
      Array.from({ length: 1_001 }, (_, index) => index + 1),
    );
    expect(ana.received.filter(({ type }) => type === "entries")).toHaveLength(1 + 1_000 / 200);
  });

  it("brings nothing back of a user who was erased since", async () => {
    const server = await openServer();
    const rows = [room, message(1), message(2)];
    await server.importHistory(rows);
    await server.eraseUser("bo");
    expect(await server.importHistory(rows)).toMatchObject({ messages: 0, duplicates: 2 });
    expect(await history(server)).toEqual(["message 2"]);
  });
});
