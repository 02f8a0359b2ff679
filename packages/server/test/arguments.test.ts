import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import type { ChatActor } from "../src/index.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";

/** Of JavaScript, or of a type checker that was talked out of it. */
const wrong = (value: unknown) => value as never;

const CALLS: readonly (readonly [string, (actor: ChatActor) => Promise<unknown>])[] = [
  ...[-1, 1.5, Number.NaN, "1", 2 ** 53, null].flatMap(
    (value): (readonly [string, (actor: ChatActor) => Promise<unknown>])[] => [
      [`history limit ${value}`, (ana) => ana.history("room", { limit: wrong(value) })],
      [`history after ${value}`, (ana) => ana.history("room", { after: wrong(value) })],
      [`history before ${value}`, (ana) => ana.history("room", { before: wrong(value) })],
      [`history around ${value}`, (ana) => ana.history("room", { around: wrong(value) })],
      [`conversations ${value}`, (ana) => ana.conversations({ limit: wrong(value) })],
      [`changes ${value}`, (ana) => ana.conversationChanges({ cursor: "", limit: wrong(value) })],
      [`members ${value}`, (ana) => ana.members("room", { limit: wrong(value) })],
      [`receipts ${value}`, (ana) => ana.receipts("room", { limit: wrong(value) })],
      [`redact ${value}`, (ana) => ana.redact("room", wrong(value))],
      [`count ${value}`, (ana) => ana.countReceipts("room", wrong(value))],
      [`read ${value}`, (ana) => ana.sendReceipt("room", { read: wrong(value) })],
      [`delivered ${value}`, (ana) => ana.sendReceipt("room", { delivered: wrong(value) })],
      [`unread ${value}`, (ana) => ana.sendReceipt("room", { unreadFrom: wrong(value) })],
      [`replyTo ${value}`, (ana) => ana.send("room", { text: "a", replyTo: wrong(value) })],
      [`draft ${value}`, (ana) => ana.draft("room", { text: "a", replyTo: wrong(value) })],
    ],
  ),
  ["text", (ana) => ana.send("room", { text: wrong(5) })],
  ["content", (ana) => ana.send("room", wrong(undefined))],
  ["page", (ana) => ana.members("room", { page: wrong(5) })],
  ["name", (ana) => ana.update("room", { name: wrong(5) })],
  ["name of a group", (ana) => ana.createGroup({ members: ["bo"], name: wrong(5) })],
  ["members of a group", (ana) => ana.createGroup({ members: wrong("bo") })],
  ["members", (ana) => ana.addMembers("room", wrong("bo"))],
  ["members to go", (ana) => ana.removeMembers("room", wrong("bo"))],
  ["role", (ana) => ana.setRole("room", ["bo"], wrong("king"))],
  ["typing", (ana) => ana.setTyping("room", wrong("yes"))],
  ["privacy", (ana) => ana.setPrivacy({ typing: wrong("no") })],
  ["block", (ana) => ana.setPrivacy({ block: wrong("bo") })],
  ["privacy here", (ana) => ana.setConversationPrivacy("room", { typing: wrong(true) })],
  ["invisible", (ana) => ana.setInvisible(wrong("yes"))],
  ["presence", (ana) => ana.presence(wrong("bo"))],
  ["users", (ana) => ana.users(wrong("bo"))],
  ["profile", (ana) => ana.setProfile({ name: wrong(5) })],
  ["picture", (ana) => ana.setProfile({ avatarUrl: wrong(5) })],
];

it("refuses wrong values as invalid_argument, and keeps nothing of them that no device could read", async () => {
  const server = await openServer();
  const ana = server.as("ana");
  await ana.createGroup({ id: "room", members: ["bo"] });
  await ana.send("room", "hello");
  const head = (await ana.conversation("room")).head;
  const refusals = await Promise.all(
    CALLS.map(async ([name, call]) => {
      const code = await call(ana).then(
        () => "resolved",
        (error: { code?: string }) => String(error.code),
      );
      return `${name}: ${code}`;
    }),
  );
  expect(refusals).toEqual(CALLS.map(([name]) => `${name}: invalid_argument`));
  expect((await ana.conversation("room")).head).toBe(head);
  const bo = await RawDevice.open(server, "bo");
  await bo.expect("range", { type: "get-range", conversationId: "room", after: 0, limit: 10 });
});

it("takes a limit of 0 for 1, and more than the most for that, in history as in lists", async () => {
  const server = await openServer();
  const ana = server.as("ana");
  await ana.createGroup({ id: "room", members: ["bo"] });
  await ana.createGroup({ id: "other", members: ["bo"] });
  expect((await ana.history("room", { limit: 0 })).entries).toHaveLength(1);
  expect((await ana.conversations({ limit: 0 })).items).toHaveLength(1);
  expect((await ana.members("room", { limit: 0 })).items).toHaveLength(1);
  expect((await ana.members("room", { limit: Infinity })).items).toHaveLength(2);
  const bo = await RawDevice.open(server, "bo");
  const range = await bo.expect("range", { type: "get-range", conversationId: "room", after: 0, limit: 0 });
  expect(range.entries).toHaveLength(1);
});

it("takes the default of a setting that is undefined", async () => {
  const server = await openServer({ settings: { textCharacters: undefined, groupMembers: 2 } });
  await server.as("ana").createGroup({ id: "room", members: ["bo"] });
  await server.as("ana").send("room", "x".repeat(4_096));
  await expect(server.as("ana").createGroup({ members: ["bo", "cy"] })).rejects.toMatchObject({
    code: "limit_exceeded",
  });
  await expect(openServer({ settings: { textCharacters: wrong(null) } })).rejects.toMatchObject({
    code: "invalid_argument",
  });
});

it("makes no conversation that the HTTP service could not be asked for", async () => {
  const server = await openServer();
  const ana = server.as("ana");
  for (const id of [".", ".."]) {
    for (const made of [ana.createGroup({ id, members: ["bo"] }), ana.createDirect({ id, members: ["bo"] })])
      await expect(made).rejects.toMatchObject({ code: "invalid_argument", message: /another id/ });
    const imported = server.importHistory([
      { type: "conversation", conversationId: id, conversationType: "group", members: ["ana"] },
    ]);
    await expect(imported).rejects.toMatchObject({ code: "invalid_argument" });
  }
  await ana.createGroup({ id: "...", members: ["bo"] });
});

it("answers with a conversation of such an id that is there from before", async () => {
  const file = join(temporaryFolder(), "chat.db");
  const before = await openServer({}, file);
  await before.as("ana").createGroup({ id: "dot", members: ["bo"] });
  await before.close();
  const database = new Database(file);
  database.exec("UPDATE chat_conversation SET id = '.' WHERE id = 'dot'");
  database.close();
  const ana = (await openServer({}, file)).as("ana");
  expect((await ana.createGroup({ id: ".", members: ["bo"] })).conversationId).toBe(".");
  expect((await ana.send(".", "still here")).messageId).toBe(2);
});
