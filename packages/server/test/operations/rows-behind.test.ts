import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { createRoom } from "../door/create-room.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";

const ROOM = "room";

/** A room whose row shows only its first entry, as one does that has fallen behind its log, until somebody asks for the head. */
async function roomBehind(): Promise<{ readonly ana: RawDevice; readonly fallBehind: () => void }> {
  const database = new Database(":memory:");
  onTestFinished(() => void database.close());
  const store = sqlite(database, { allowVolatile: true });
  const { messages, conversations } = store;
  let isBehind = false;
  const heads = messages.heads.bind(messages);
  messages.heads = (ids) => {
    isBehind = false;
    return heads(ids);
  };
  const participation = conversations.participation.bind(conversations);
  conversations.participation = async (userId, id) => {
    const found = await participation(userId, id);
    return found && isBehind ? { ...found, head: 1 } : found;
  };
  const ana = await RawDevice.open(await openServer({ store }), "ana");
  await createRoom(ana);
  await ana.send(ROOM, "one");
  return { ana, fallBehind: () => (isBehind = true) };
}

it("takes nothing for lost that a row has not seen yet", async () => {
  const { ana, fallBehind } = await roomBehind();
  const request = { type: "get-range", conversationId: ROOM, limit: 200 } as const;
  const { fingerprint } = (await ana.expect("range", { ...request, after: 1 })).entries[0]!;
  fallBehind();
  expect(await ana.ask({ ...request, after: 2, fingerprint })).toMatchObject({ type: "range", head: 2 });
  fallBehind();
  const receipts = [{ conversationId: ROOM, delivered: 2, read: 2 }];
  expect(await ana.ask({ type: "send-receipts", receipts })).toMatchObject({
    receipts: [{ conversationId: ROOM, read: 2 }],
  });
  // What is not there diverges still.
  expect(await ana.ask({ ...request, after: 3 })).toMatchObject({ code: "diverged" });
});

it("knows messages that a row has not seen yet where somebody replies to them or redacts them", async () => {
  const { ana, fallBehind } = await roomBehind();
  const message = { conversationId: ROOM, clientMessageId: crypto.randomUUID() };
  fallBehind();
  expect(await ana.ask({ type: "send-message", ...message, text: "two", replyTo: 2 })).toMatchObject({
    type: "message-stored",
  });
  fallBehind();
  const clientMessageId = crypto.randomUUID();
  expect(
    await ana.ask({ type: "redact-message", conversationId: ROOM, clientMessageId, messageId: 2 }),
  ).toMatchObject({ type: "conversation" });
});

it("tells members of what their rows had not seen when the log told of it", async () => {
  const database = new Database(":memory:");
  onTestFinished(() => void database.close());
  const store = sqlite(database, { allowVolatile: true });
  const { messages, conversations } = store;
  const [append, heads] = [messages.append.bind(messages), messages.heads.bind(messages)];
  const [row, rows] = [conversations.row.bind(conversations), conversations.rows.bind(conversations)];
  /** What the rows show while they are behind. */
  let before: Awaited<ReturnType<typeof rows>> | undefined;
  messages.append = async (drafts) => {
    before = await rows(ROOM, ["ana", "bo"]);
    return append(drafts);
  };
  messages.heads = (ids) => {
    before = undefined;
    return heads(ids);
  };
  conversations.row = async (userId, id) => (before ? before.get(userId ?? "") : row(userId, id));
  conversations.rows = async (id, userIds) => before ?? rows(id, userIds);
  const server = await openServer({ store });
  const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];

  await createRoom(ana, ["bo"]);
  const isMember = async (member: boolean): Promise<unknown> =>
    bo.until((frame) => frame.type === "conversation-changed" && frame.row.member === member);
  await isMember(true);
  const clientMessageId = crypto.randomUUID();
  await ana.ask({ type: "remove-members", conversationId: ROOM, clientMessageId, members: ["bo"] });
  await isMember(false);
});
