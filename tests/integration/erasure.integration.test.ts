import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChatClient, createChatClient } from "@chat/client";
import { type ChatServer, createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { systemRuntime } from "@chat/protocol";
import { expect, it, onTestFinished, vi } from "vitest";
import type { Cache } from "../../packages/client/src/cache/cache.js";
import { memoryCache } from "../../packages/client/src/cache/memory-cache.js";

const WORD = "xylophonisch";
const ALL = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;

/** What a device keeps, over the clients that open it, and whether a word is in it. */
function storage(): Cache {
  const cache = memoryCache(systemRuntime());
  return { ...cache, persistent: true, close: () => Promise.resolve() };
}

async function dump(cache: Cache): Promise<string> {
  const snapshot = await cache.load();
  const logs = await Promise.all(
    snapshot.conversations.map(({ row }) => cache.read(row.conversationId, ALL)),
  );
  return JSON.stringify([snapshot, logs]);
}

interface Place {
  readonly folder: string;
  readonly log: string[];
  /** A server on the file; the one before is closed. */
  start(settings?: Parameters<typeof createChatServer>[0]["settings"]): Promise<ChatServer>;
  url(): string;
  /** The bytes of the database and of everything beside it. */
  bytes(): string;
}

/** Whether the word is in it; without the megabytes in the report. */
function has(text: string): boolean {
  return text.includes(WORD);
}

function place(): Place {
  const folder = mkdtempSync(join(tmpdir(), "chat-erasure-"));
  const log: string[] = [];
  let stop = (): Promise<void> => Promise.resolve();
  let url = "";
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    log,
    async start(settings = {}) {
      await stop();
      const database = new Database(join(folder, "chat.db"));
      const chat = createChatServer({
        store: sqlite(database),
        authenticate: ({ token }) => ({ userId: token }),
        settings: { drainSpread: 1, ...settings },
        log: (...line) => void log.push(JSON.stringify(line)),
      });
      const http = createServer(chat.handler);
      chat.attach(http, { path: "/ws" });
      await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
      url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
      stop = async () => {
        await chat.close();
        http.closeAllConnections();
        await new Promise((resolve) => http.close(resolve));
        database.close();
      };
      await chat.ready();
      return chat;
    },
    url: () => url,
    bytes: () =>
      readdirSync(folder)
        .map((file) => readFileSync(join(folder, file), "latin1"))
        .join("\n"),
  };
}

function connect(url: string, userId: string, cache: Cache): ChatClient {
  const client = createChatClient({ url, userId, token: userId, cache, catchUpEntries: 50 });
  onTestFinished(() => client.close());
  return client;
}

async function synced(client: ChatClient): Promise<void> {
  await vi.waitFor(() => expect(client.status).toMatchObject({ synced: true, pending: 0 }), 20_000);
}

/** Writes, and waits until all of it is stored. */
async function say(client: ChatClient, id: string, texts: readonly string[]): Promise<void> {
  const conversation = await client.conversations.fetch(id);
  const sent = [];
  for (const text of texts) sent.push(await conversation.send(text));
  await Promise.all(sent.map(({ stored }) => stored));
}

function lines(length: number, text: string): string[] {
  return Array.from({ length }, (_, index) => `${text} ${index} ${"lorem ipsum ".repeat((index * 7) % 40)}`);
}

it("leaves a user's words nowhere: file, log, rows, logs and the devices of others, one of which was away for a day", async () => {
  const { start, url, bytes, log } = place();
  const chat = await start();
  const caches = { cy: storage(), ana: storage(), bo: storage(), phone: storage() };
  const cy = connect(url(), "cy", caches.cy);
  await cy.users.setProfile({ name: `Cy ${WORD}` });
  const ana = connect(url(), "ana", caches.ana);
  let bo = connect(url(), "bo", caches.bo);
  const group = { id: "room", name: "Room", members: ["ana", "bo"] };
  await cy.conversations.createGroup(group);
  const direct = await cy.conversations.createDirect("bo");
  const left = await cy.conversations.createGroup({ id: "left", members: ["ana", "bo"] });
  // Among the words of others, of all sizes, so that pages of the file are split and filled again.
  for (let round = 0; round < 4; round++) {
    await say(cy, "room", lines(30, WORD));
    await say(ana, "room", lines(30, "from ana"));
  }
  await say(cy, direct.id, lines(40, WORD));
  await say(cy, left.id, lines(20, WORD));
  await say(cy, "room", [`${WORD} at last`]);
  for (const client of [ana, bo]) {
    await synced(client);
    for (const id of ["room", "left"]) {
      const { timeline } = await client.conversations.fetch(id);
      void timeline.messages;
      await vi.waitFor(() => expect(timeline.state).toBe("complete"), 10_000);
      while (timeline.hasOlder) await timeline.loadOlder({ limit: 200 });
    }
    client.users.get("cy");
  }
  await (await bo.conversations.fetch("left")).leave();
  await cy.conversations.get("left")!.leave();
  await vi.waitFor(() => expect(ana.users.get("cy")?.name).toBe(`Cy ${WORD}`), 5_000);
  expect(has(await dump(caches.bo))).toBe(true);
  expect(has(bytes())).toBe(true);
  // Bo's device is switched off, and a message of bo's is in the outbox.
  bo.disconnect();
  await bo.conversations.get("room")!.send("from bo's outbox");
  await bo.close();

  const progress: number[] = [];
  const done = await chat.eraseUser("cy", {
    onProgress: ({ conversations }) => progress.push(conversations),
  });
  expect(done).toEqual({ conversations: 3, messages: 181, purged: true });
  expect(progress).toEqual([1, 2, 3]);
  expect(has(bytes())).toBe(false);

  await vi.waitFor(() => expect(ana.users.get("cy")).toEqual({ id: "cy" }), 5_000);

  // The day goes on without bo, longer than a device catches up without a hole.
  await say(ana, "room", lines(120, "the day goes on"));
  bo = connect(url(), "bo", caches.bo);
  // Cy's own device is a former member of one conversation: it hears of that at its next connect.
  cy.disconnect();
  cy.connect();
  await vi.waitFor(() => expect(cy.status.connection).toBe("online"), 10_000);
  for (const client of [ana, bo, cy]) await synced(client);
  for (const userId of ["cy", "ana", "bo", "phone"] as const) {
    if (userId === "phone") await synced(connect(url(), "bo", caches.phone));
    // Profiles follow at the same connect, but synced speaks of messages.
    await vi.waitFor(
      async () => expect([userId, has(await dump(caches[userId]))]).toEqual([userId, false]),
      5_000,
    );
  }
  const { timeline } = await bo.conversations.fetch("room");
  void timeline.messages;
  while (timeline.hasOlder) await timeline.loadOlder({ limit: 200 });
  expect(timeline.messages.filter(({ redacted }) => redacted)).toHaveLength(121);
  expect(timeline.messages.some(({ text }) => text === "from bo's outbox")).toBe(true);
  expect(timeline.messages.some(({ text }) => text?.startsWith("from ana"))).toBe(true);
  expect(bo.conversations.items.map(({ summary }) => summary.latest)).not.toContain(WORD);
  expect(JSON.stringify(log)).not.toContain(WORD);
  expect(has(bytes())).toBe(false);
}, 120_000);

it("goes on with an erasure that a crash has interrupted", async () => {
  const { start, url, bytes, folder } = place();
  await start();
  const cy = connect(url(), "cy", storage());
  for (const id of ["a", "b", "c"]) {
    await cy.conversations.createGroup({ id, members: ["bo"] });
    await say(cy, id, lines(30, WORD));
  }
  await cy.close();
  // As a process leaves it behind that dies after the first steps.
  const database = new Database(join(folder, "chat.db"));
  database
    .prepare("INSERT INTO chat_erasure (user, id) VALUES ('cy', '5b0b3a3e-0a4f-4f0c-9a39-6d1f3c9a2b11')")
    .run();
  database.close();
  await start();
  await vi.waitFor(() => expect(has(bytes())).toBe(false), 20_000);
  const bo = connect(url(), "bo", storage());
  await synced(bo);
  for (const id of ["a", "b", "c"]) {
    expect((await bo.conversations.fetch(id)).summary.latest).toMatchObject({ redacted: true });
  }
}, 60_000);
