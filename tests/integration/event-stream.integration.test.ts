import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type ChatClient, createChatClient } from "@chat/client";
import { type ChatServer, createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import express from "express";
import { expect, onTestFinished, test } from "vitest";
import { PATIENCE } from "./patience.js";

interface Setting {
  readonly chat: ChatServer;
  readonly http: Server;
  readonly url: string;
  readonly upgrades: () => number;
  client(userId: string): ChatClient;
}

/** A server behind something that lets no WebSocket through, until `attach`. */
async function withoutWebSockets(): Promise<Setting> {
  const database = new Database(":memory:");
  const chat = createChatServer({
    store: sqlite(database, { allowVolatile: true }),
    authenticate: ({ token }) => ({ userId: token }),
  });
  const app = express();
  // As applications have them, before everything else.
  app.use(express.json(), express.urlencoded({ extended: false }), express.text());
  app.use("/chat", chat.handler);
  const http = createServer(app);
  let upgrades = 0;
  const refuse = (_request: unknown, socket: { destroy(): void }): void => {
    upgrades++;
    socket.destroy();
  };
  http.on("upgrade", refuse);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/chat`;
  const clients: ChatClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) await client.close();
    http.closeAllConnections();
    http.close();
    await chat.close();
    database.close();
  });
  return {
    chat,
    http,
    url,
    upgrades: () => upgrades,
    client(userId) {
      const client = createChatClient({ url, userId, token: userId });
      clients.push(client);
      return client;
    },
  };
}

const online = (client: ChatClient) =>
  expect
    .poll(() => [client.status.connection, client.status.synced, client.status.pending], PATIENCE)
    .toEqual(["online", true, 0]);

test("two clients talk by events and POSTs where no WebSocket gets through: all messages, once, in order", async () => {
  const { chat, http, client } = await withoutWebSockets();
  const [ana, bo] = [client("ana"), client("bo")];
  const room = await ana.conversations.createGroup({ id: "room", members: ["bo"] });
  await Promise.all([online(ana), online(bo)]);
  expect(chat.connections).toBe(2);

  const count = 300;
  for (let index = 0; index < count; index++) await room.send(`message ${index}`);
  await online(ana);
  // In the middle of it the network breaks.
  http.closeAllConnections();
  const text = "ä🚢".repeat(1_000);
  await room.send(text);
  await online(ana);
  const there = await bo.conversations.fetch("room");
  const texts = () => there.timeline.messages.flatMap(({ text }) => (text === undefined ? [] : [text]));
  await expect.poll(() => there.timeline.messages.at(-1)?.text, PATIENCE).toBe(text);
  while (there.timeline.hasOlder) await there.timeline.loadOlder();
  expect(texts()).toEqual([...Array.from({ length: count }, (_, index) => `message ${index}`), text]);
}, 60_000);

test("a WebSocket is used as soon as one can be had", async () => {
  const { chat, http, client, upgrades } = await withoutWebSockets();
  const ana = client("ana");
  await online(ana);
  expect(upgrades()).toBe(1);
  http.removeAllListeners("upgrade");
  let webSockets = 0;
  http.on("upgrade", () => webSockets++);
  chat.attach(http, { path: "/chat" });
  await expect.poll(() => webSockets, PATIENCE).toBe(2);
  await online(ana);
  const room = await ana.conversations.createGroup({ members: [] });
  await (
    await room.send("over a WebSocket")
  ).stored;
  // The one that looked, and the stream, are gone.
  await expect.poll(() => chat.connections, PATIENCE).toBe(1);
}, 60_000);

test("an ended connection and a refused token are told over a stream as over a WebSocket", async () => {
  const { chat, client } = await withoutWebSockets();
  const ana = client("ana");
  await online(ana);
  const codes: string[] = [];
  ana.on("error", ({ code }) => codes.push(code));
  await chat.disconnect({ userId: "ana" });
  await expect.poll(() => codes, PATIENCE).toContain("unauthenticated");
  await online(ana);
}, 60_000);
