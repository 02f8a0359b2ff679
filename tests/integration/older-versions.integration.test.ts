import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as today from "@chat/client";
import { presenceOf } from "@chat/client/presence";
import { createClientCodec } from "@chat/protocol";
import * as server from "@chat/server";
import * as sqlite from "@chat/server/sqlite";
import Database from "better-sqlite3";
import WebSocket from "ws";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bundleOlder, knowsCommit } from "../bundle/bundle-older.js";
import { PATIENCE } from "./patience.js";

/** Client and server of one version. */
interface Version {
  readonly createChatClient: typeof today.createChatClient;
  readonly createChatServer: typeof server.createChatServer;
  readonly sqlite: typeof sqlite.sqlite;
}

/** The state of `chat.v1` that others have to get along with: before presence, push, mutes and the news of large groups. */
const OLDER = "a0e1a76";

const newer: Version = { ...today, ...server, ...sqlite };
let older: Version;

/** Where devices find a server of that version. */
async function serve(
  { createChatServer, sqlite }: Version,
  settings: Partial<server.ServerSettings> = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "chat-versions-"));
  const database = new Database(join(folder, "chat.db"));
  const chat = createChatServer({
    store: sqlite(database),
    authenticate: ({ token }) => ({ userId: token }),
    settings: { heartbeatInterval: 1_000, ...settings },
  });
  await chat.ready();
  const http = createServer((_, response) => response.writeHead(404).end());
  chat.attach(http, { path: "/chat" });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(async () => {
    await chat.close();
    http.closeAllConnections();
    http.close();
    database.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chat`;
}

/** A device of that version, which must hear of no error. @param heard is given the names of the frames that it is sent */
async function connect(
  version: Version,
  url: string,
  userId: string,
  heard: (type: string) => void = () => {},
): Promise<today.ChatClient> {
  const codec = createClientCodec();
  const client = version.createChatClient({
    ...{ url, userId, token: userId },
    async transport(to, protocols) {
      const socket = new WebSocket(to, [...protocols]);
      socket.on("message", (bytes) => {
        for (const { type } of codec.decode(new Uint8Array(bytes as ArrayBuffer))) heard(type);
      });
      return socket as unknown as today.Socket;
    },
  });
  const errors: unknown[] = [];
  client.on("error", (error) => errors.push(error));
  onTestFinished(async () => {
    await client.close();
    expect(errors).toEqual([]);
  });
  await client.ready();
  await expect.poll(() => client.status, PATIENCE).toMatchObject({ connection: "online", synced: true });
  return client;
}

async function roomOf(client: today.ChatClient): Promise<today.Conversation> {
  await expect.poll(() => client.conversations.items.length, PATIENCE).toBe(1);
  const [room] = client.conversations.items;
  room!.timeline.subscribe(() => {});
  return room!;
}

function texts({ timeline }: today.Conversation): string[] {
  return timeline.messages.flatMap(({ text, redacted }) => (redacted ? "(redacted)" : (text ?? [])));
}

beforeAll(async () => {
  if (knowsCommit(OLDER)) older = (await import(await bundleOlder(OLDER))) as Version;
});

// Skipped in a shallow clone; the golden frames of that state are compared in any case.
describe.runIf(knowsCommit(OLDER))("versions of one subprotocol (needs git's history)", () => {
  test.each<[string, () => [host: Version, anas: Version, bos: Version]]>([
    ["an older client and a newer one, at a newer server", () => [newer, older, newer]],
    ["the same at an older server", () => [older, older, newer]],
    ["newer clients at an older server", () => [older, newer, newer]],
  ])("%s: messages, receipts and redactions reach each other", async (_, versions) => {
    const [host, anas, bos] = versions();
    const url = await serve(host);
    const ana = await connect(anas, url, "ana");
    const bo = await connect(bos, url, "bo");
    const group = await ana.conversations.createGroup({ name: "Versions", members: ["bo"] });
    group.timeline.subscribe(() => {});
    const room = await roomOf(bo);
    for (let round = 1; round <= 3; round++) {
      await (
        await group.send({ text: `ana ${round}`, data: { round } })
      ).stored;
      await (
        await room.send(`bo ${round}`)
      ).stored;
    }
    const all = [1, 2, 3].flatMap((round) => [`ana ${round}`, `bo ${round}`]);
    for (const each of [group, room]) await expect.poll(() => texts(each), PATIENCE).toEqual(all);

    await room.markRead();
    const last = (): unknown => group.timeline.messages.find(({ text }) => text === "ana 3")?.status;
    await expect.poll(last, PATIENCE).toBe("read");
    await room.redact(room.timeline.messages.at(-1)!.messageId!);
    all[5] = "(redacted)";
    for (const each of [group, room]) await expect.poll(() => texts(each), PATIENCE).toEqual(all);

    // What was written while one of them was away comes with its next connection.
    ana.disconnect();
    await (
      await room.send("while you were away")
    ).stored;
    await group.send("written offline");
    ana.connect();
    all.push("while you were away", "written offline");
    for (const each of [group, room]) await expect.poll(() => texts(each), PATIENCE).toEqual(all);

    // And all of it is there for a device of the other version.
    for (const version of [older, newer]) {
      const next = await roomOf(await connect(version, url, "bo"));
      await expect.poll(() => texts(next), PATIENCE).toEqual(all);
    }
  });

  test("what a newer device of the same user and a newer server do is no concern of an older one", async () => {
    const url = await serve(newer);
    const old = await connect(older, url, "ana");
    const group = await old.conversations.createGroup({ name: "Versions", members: ["bo"] });
    const beside = await connect(newer, url, "ana");
    const bo = await connect(newer, url, "bo");
    const presence = presenceOf(bo);
    const end = presence.watch(["ana"]);
    await expect.poll(() => presence.get("ana")?.status, PATIENCE).toBe("online");
    // A row and a receipt with a field more.
    await (await roomOf(beside)).mute();
    await expect.poll(async () => (await roomOf(beside)).summary.mutedUntil, PATIENCE).toBe(Infinity);
    const room = await roomOf(bo);
    await (
      await room.send("to a muted one")
    ).stored;
    await expect.poll(() => texts(group), PATIENCE).toEqual(["to a muted one"]);
    end();
  });

  test("an older device in a large group hears of no news, and finds what it missed by its pongs", async () => {
    // With one connected member more than that, and more than that a second, its devices are told only that there is news.
    const url = await serve(newer, { largeGroupOnline: 2, largeGroupRate: 1 });
    const ana = await connect(newer, url, "ana");
    const group = await ana.conversations.createGroup({ name: "Large", members: ["bo", "cy", "di"] });
    const heard = new Set<string>();
    const rooms = [await roomOf(await connect(older, url, "bo", (type) => heard.add(type)))];
    for (const userId of ["cy", "di"]) rooms.push(await roomOf(await connect(newer, url, userId)));
    const all = Array.from({ length: 50 }, (_, index) => `m${index}`);
    for (const text of all) await group.send(text);
    for (const room of rooms) await expect.poll(() => texts(room), PATIENCE).toEqual(all);
    expect(heard).toContain("head-moved");
  });

  test("what an older server does not know it refuses by name, and the device goes on", async () => {
    const url = await serve(older);
    const ana = await connect(newer, url, "ana");
    const group = await ana.conversations.createGroup({ name: "Versions", members: ["bo"] });
    await expect(group.mute()).rejects.toMatchObject({ code: "unsupported", retryable: false });
    await (
      await group.send("goes on")
    ).stored;
    expect(ana.status).toMatchObject({ connection: "online", synced: true });
  });

  test("a server of another subprotocol refuses the device, and the sentence says what to do", async () => {
    const url = await serve(newer);
    const socket = new WebSocket(url, ["chat.v2"]);
    socket.on("error", () => {});
    const [, answer] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += chunk;
    socket.terminate();
    expect(answer.statusCode).toBe(400);
    expect(text).toBe(
      "This server speaks the WebSocket subprotocol chat.v1, which was not offered: use a client or a server of the other's version.",
    );
  });
});
