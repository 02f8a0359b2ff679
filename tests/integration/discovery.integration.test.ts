import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChatClient, createChatClient } from "@chat/client";
import { type ChatServer, createChatServer, inProcessDiscovery } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { PATIENCE } from "./patience.js";

/** Chat servers over one store that announce themselves, and an HTTP service that takes no sockets. */
async function openCluster(count: number) {
  const folder = mkdtempSync(join(tmpdir(), "chat-discovery-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const discovery = inProcessDiscovery();

  async function open(isChat: boolean): Promise<{ readonly chat: ChatServer; readonly url: string }> {
    const http = createServer((request, response) => chat.handler(request, response));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`;
    const database = new Database(join(folder, "chat.db"));
    const chat = createChatServer({
      store: sqlite(database),
      authenticate: ({ token }) => ({ userId: token }),
      discovery,
      ...(isChat && { url }),
      settings: { announceInterval: 100, drainSpread: 100 },
    });
    if (isChat) chat.attach(http, { path: "/" });
    onTestFinished(async () => {
      await chat.close();
      http.closeAllConnections();
      http.close();
      database.close();
    });
    await chat.ready();
    return { chat, url };
  }

  const entrance = await open(false);
  const servers: ChatServer[] = [];
  for (let index = 0; index < count; index++) servers.push((await open(true)).chat);
  await expect.poll(async () => (await discovery.list()).length, PATIENCE).toBe(count);
  return { entrance, servers };
}

function openClient(url: string, userId: string): ChatClient {
  const client = createChatClient({ url, userId, token: userId, discover: true });
  onTestFinished(() => client.close());
  return client;
}

test("devices spread over the servers, leave one that goes away, and the conversation goes on", async () => {
  const { entrance, servers } = await openCluster(3);
  const clients = ["ana", "bo", "cy", "dan", "eve", "fay"].map((userId) => openClient(entrance.url, userId));
  const connections = (): number[] => servers.map((server) => server.connections);
  await expect.poll(connections, PATIENCE).toEqual([2, 2, 2]);
  expect(entrance.chat.connections).toBe(0);

  const room = await clients[0]!.conversations.createGroup({ members: ["bo", "cy", "dan", "eve", "fay"] });
  await (
    await room.send("before")
  ).stored;
  await servers[0]!.close();
  await (
    await room.send("after")
  ).stored;
  await expect.poll(() => connections().reduce((sum, count) => sum + count), PATIENCE).toBe(6);
  expect(connections()[0]).toBe(0);
  for (const client of clients) {
    const texts = (): (string | undefined)[] =>
      client.conversations.items[0]?.timeline.messages.map(({ text }) => text).filter((text) => text) ?? [];
    await expect.poll(texts, PATIENCE).toEqual(["before", "after"]);
  }
});

test("a device goes where it is told to when nobody can be asked", async () => {
  const { servers } = await openCluster(1);
  const http = createServer((_, response) => response.writeHead(503).end());
  servers[0]!.attach(http, { path: "/chat" });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => void http.close());
  const client = openClient(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/chat`, "ana");
  await expect.poll(() => client.status.connection, PATIENCE).toBe("online");
});
