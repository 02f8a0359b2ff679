import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as readable from "@chat/client";
import * as readablePresence from "@chat/client/presence";
import type { Cache, ChatClient, ChatError, Conversation } from "@chat/client";
import { ERROR_CODES, systemRuntime } from "@chat/protocol";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { memoryCache } from "../../packages/client/src/cache/memory-cache.js";
import { CLIENT_FRAMES, SERVER_FRAMES } from "../../packages/protocol/src/frames/index.js";
import { internalNames } from "../../scripts/browser-build/internal-names.mjs";
import { PATIENCE } from "./patience.js";

const root = new URL("../../", import.meta.url);
const dist = new URL("packages/client/dist/", root);

interface Build {
  readonly name: string;
  readonly createChatClient: typeof readable.createChatClient;
  readonly presenceOf: typeof readablePresence.presenceOf;
}

const READABLE: Build = { name: "readable", ...readable, ...readablePresence };
const SMALL: Build = {
  name: "small",
  ...((await import(new URL("browser/index.js", dist).href)) as typeof readable),
  ...((await import(new URL("browser/presence.js", dist).href)) as typeof readablePresence),
};

async function serve(): Promise<string> {
  const database = new Database(":memory:");
  const chat = createChatServer({
    store: sqlite(database, { allowVolatile: true }),
    authenticate: ({ token }) => ({ userId: token }),
  });
  const http = createServer((request, response) => chat.handler(request, response));
  chat.attach(http, { path: "/chat" });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(async () => {
    http.closeAllConnections();
    http.close();
    await chat.close();
    database.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/chat`;
}

/** A cache that outlives its client, and notes the name of every property that it was given to keep. */
function keptCache(): Cache & { readonly names: ReadonlySet<string> } {
  const cache = memoryCache(systemRuntime());
  const names = new Set<string>();
  return {
    names,
    persistent: true,
    load: () => cache.load(),
    read: (...query) => cache.read(...query),
    commit(changes, durability) {
      addNames(changes, names);
      return cache.commit(changes, durability);
    },
    wipe: () => cache.wipe(),
    close: async () => {},
  };
}

function addNames(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) addNames(item, names);
  else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      names.add(name);
      addNames(item, names);
    }
  }
}

function open(build: Build, url: string, userId: string, cache?: Cache): ChatClient {
  const client = build.createChatClient({ url, userId, token: userId, ...(cache && { cache }) });
  onTestFinished(() => client.close());
  return client;
}

async function synced(client: ChatClient): Promise<void> {
  await expect.poll(() => client.status.synced && client.status.pending === 0, PATIENCE).toBe(true);
}

/** Of messages, undefined for a tombstone. */
function textsOf({ timeline }: Conversation): (string | undefined)[] {
  return timeline.messages.filter(({ kind }) => kind === "text").map(({ text }) => text);
}

/** What an application can do, once. @returns what `ana` was told and shown */
async function talk(one: Build, other: Build, url: string, cache: Cache): Promise<unknown> {
  const ana = open(one, url, "ana", cache);
  const bo = open(other, url, "bo");
  const heard: string[] = [];
  bo.on("message", ({ message }) => message.text && heard.push(message.text));
  await bo.ready();
  await ana.users.setProfile({ name: "Ana", data: { color: "red" } });
  const room = await ana.conversations.createGroup({ members: ["bo"], name: "room", data: { topic: 1 } });
  const { messageId } = await (await room.send({ text: "hello", data: { mood: "good" } })).stored;
  await (
    await room.send({ text: "again", replyTo: messageId! })
  ).stored;
  await (await room.send("gone")).stored.then((line) => room.redact(line.messageId!));
  await expect.poll(() => heard, PATIENCE).toEqual(["hello", "again", "gone"]);
  const theirs = bo.conversations.get(room.id)!;
  await theirs.markRead();
  await theirs.mute(new Date(Date.now() + 60_000));
  await (
    await theirs.send("answer")
  ).stored;
  await room.markUnread(messageId!);
  const presence = one.presenceOf(ana);
  const stop = presence.watch(["bo"]);
  await expect.poll(() => presence.get("bo")?.status, PATIENCE).toBe("online");
  stop();
  theirs.setTyping(true);
  await expect.poll(() => room.typing, PATIENCE).toEqual(["bo"]);
  const window = await room.timeline.window({ around: messageId! });
  await expect.poll(() => window.messages.map(({ text }) => text), PATIENCE).toContain("answer");
  window.close();
  await room.setRole(["bo"], "admin");
  const { items } = await room.members();
  await expect.poll(() => textsOf(room), PATIENCE).toEqual(["hello", "again", undefined, "answer"]);
  await synced(ana);
  const { unreadCount, name, data, memberCount, role } = room.summary;
  const shown = room.timeline.messages.map(({ messageId, text, kind, data, replyTo, redacted, state }) => ({
    ...{ messageId, text, kind, data, replyTo, redacted, state },
  }));
  const failures = await Promise.all([
    failureOf(() => ana.conversations.fetch("nowhere")),
    failureOf(() => room.send("")),
    failureOf(() => room.send({ data: { wrong: 1n } as never })),
    failureOf(() => room.addMembers([""])),
    failureOf(() => room.update({ name: "x".repeat(201) })),
    failureOf(() => ana.conversations.fetch("nowhere", { signal: AbortSignal.abort("enough") })),
    failureOf(() => room.discard("none")),
  ]);
  await ana.close();
  await bo.close();
  const user = ana.users.get("ana");
  return {
    unreadCount,
    name,
    data,
    memberCount,
    role,
    shown,
    failures,
    user,
    members: items.map((member) => ({ ...member, joinedAt: 0 })),
  };
}

async function failureOf(act: () => Promise<unknown>): Promise<object> {
  const error = await act().then(
    () => expect.unreachable("nothing failed"),
    (cause: unknown) => cause as ChatError,
  );
  expect(readable.isChatError(error)).toBe(true);
  expect(error.message).not.toBe("");
  const { name, code, retryable, retryAfter, cause } = error;
  return { name, code, retryable, retryAfter, cause };
}

test(
  "the build for browsers does and keeps what the readable one does, and each goes on where the other was",
  { timeout: 120_000 },
  async () => {
    const outcomes = [];
    const kept = [];
    for (const [one, other] of [
      [READABLE, READABLE],
      [SMALL, READABLE],
      [SMALL, SMALL],
    ] as const) {
      const url = await serve();
      const cache = keptCache();
      outcomes.push(await talk(one, other, url, cache));
      // Written by one, read by the other, without a connection.
      const next = (other === READABLE && one === READABLE ? SMALL : READABLE).createChatClient;
      const later = next({ url: "http://127.0.0.1:1/chat", userId: "ana", token: "ana", cache });
      onTestFinished(() => later.close());
      await later.ready();
      const [room] = later.conversations.items;
      await expect.poll(() => textsOf(room!), PATIENCE).toEqual(["hello", "again", undefined, "answer"]);
      await room!.send("written offline");
      await later.close();
      const last = open(one, url, "ana", cache);
      const sent = (): unknown => last.conversations.items[0]!.timeline.messages.at(-1);
      await last.ready();
      await expect
        .poll(sent, PATIENCE)
        .toMatchObject({ text: "written offline", state: "stored", messageId: expect.any(Number) as number });
      await synced(last);
      await last.close();
      kept.push([...cache.names].sort());
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[2]).toEqual(outcomes[0]);
    expect(kept[1]).toEqual(kept[0]);
    expect(kept[2]).toEqual(kept[0]);
  },
);

test("an error of it says its code, and where to read on", async () => {
  const url = await serve();
  const ana = open(SMALL, url, "ana");
  const room = await ana.conversations.createGroup({ members: [] });
  await expect(room.send("")).rejects.toThrow("text_empty: see docs/errors.md#text_empty");
  // What the server says, it passes on.
  await expect(ana.conversations.fetch("nowhere")).rejects.toThrow(/^No |^There |^The /);
});

// The type checker reads all sources for it.
test(
  "no name of the wire, of what is public or of an error code is another one in it",
  { timeout: 120_000 },
  () => {
    const entries = ["index", "presence/index", "push/index", "react/index"];
    const { internal } = internalNames(
      root.pathname,
      entries.map((entry) => `packages/client/src/${entry}.ts`),
    );
    const others = new Set(internal);
    const fields = [...CLIENT_FRAMES, ...SERVER_FRAMES].flatMap(({ shape }) =>
      // Of structs in structs, too.
      Object.entries(shape as Readonly<Record<string, { readonly wire: string }>>).flatMap(
        ([field, { wire }]) => [field, ...[...wire.matchAll(/(\w+): /g)].map(([, name]) => name!)],
      ),
    );
    expect(fields).toContain("headFingerprint");
    expect(fields.filter((field) => others.has(field))).toEqual([]);
    const declarations = readdirSync(dist).filter(
      (name) => name.endsWith(".d.ts") && !name.startsWith("testing"),
    );
    expect(declarations.length).toBeGreaterThan(4);
    const ours = declarations.map((name) => readFileSync(new URL(name, dist), "utf8")).join("\n");
    const declared = [...ours.matchAll(/^\s+(?:readonly |get |set )?(\w+)\??(?:\(|:|<)/gm)].map(
      ([, name]) => name!,
    );
    expect(declared).toContain("createDirect");
    expect(declared.filter((name) => others.has(name))).toEqual([]);
    expect(Object.keys(ERROR_CODES).filter((code) => others.has(code))).toEqual([]);
    // It is worth something all the same.
    expect(internal.length).toBeGreaterThan(80);
  },
);
