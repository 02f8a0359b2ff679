import { type ChatError, LIMITS } from "@chat/protocol";
import Database from "better-sqlite3";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ChatServer, ImportRow } from "../src/index.js";
import { sqlite } from "../src/store/sqlite/index.js";
import { call, uuid } from "./http/call.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";

const ROOM = "room";

async function openRoom(options: Parameters<typeof openServer>[0] = {}): Promise<ChatServer> {
  const server = await openServer(options);
  await server.as("ana").createGroup({ id: ROOM, members: ["bo", "cy"] });
  return server;
}

async function newest(server: ChatServer, userId = "bo") {
  return (await server.as(userId).history(ROOM, { limit: 1 })).entries[0];
}

function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "stored",
    (error: unknown) => (error as ChatError).code,
  );
}

describe("mentions", () => {
  it("reach everybody with the message, and nothing of them stays behind a redaction", async () => {
    const server = await openRoom();
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    const stored = await ana.expect("message-stored", {
      type: "send-message",
      ...{ conversationId: ROOM, clientMessageId: uuid(1), text: "@bo @cy", mentions: ["bo", "cy"] },
    });
    // What was sent is what is stored: the answer does not say it again.
    expect(stored.rewritten).toBeUndefined();
    await bo.until(({ type }) => type === "entries");
    expect(bo.pushed(ROOM)[0]).toMatchObject({ text: "@bo @cy", mentions: ["bo", "cy"] });
    await ana.send(ROOM, "nobody");
    await bo.until((frame) => frame.type === "entries" && frame.through === 3);
    expect(bo.pushed(ROOM)[1]).not.toHaveProperty("mentions");
    await server.as("ana").redact(ROOM, 2);
    expect((await server.as("bo").history(ROOM, { around: 2, limit: 1 })).entries).toEqual([
      expect.objectContaining({ messageId: 2, redacted: true }),
    ]);
    const lines: string[] = [];
    for await (const line of server.exportConversation(ROOM)) lines.push(line);
    expect(lines.join("")).not.toContain("mentions");
  });

  it("refuses whoever is no member at that moment, alike for former members and strangers", async () => {
    const server = await openRoom();
    await server.as("di").setProfile({ name: "Di" });
    await server.as("ana").removeMembers(ROOM, ["cy"]);
    const device = await RawDevice.open(server, "ana");
    const send = (number: number, mentions: string[]) =>
      device.ask({
        type: "send-message",
        ...{ conversationId: ROOM, clientMessageId: uuid(number), text: "hi", mentions },
      });
    const answers = await Promise.all([
      send(1, ["bo", "cy"]),
      send(2, ["bo", "di"]),
      send(3, ["bo", "nobody"]),
      send(4, ["bo"]),
    ]);
    const refused = { type: "error", code: "mention_unknown", retryable: false };
    expect(answers[0]).toMatchObject(refused);
    for (const answer of answers.slice(1, 3)) {
      expect({ ...answer, requestId: 0 }).toEqual({ ...answers[0], requestId: 0 });
    }
    // One that is refused holds up nothing behind it.
    expect(answers[3]).toMatchObject({ type: "message-stored" });
    for (const actor of [server.as("ana"), server.system]) {
      expect(await refusal(actor.send(ROOM, { text: "hi", mentions: ["cy"] }))).toBe("mention_unknown");
      expect(await refusal(actor.draft(ROOM, { text: "hi", mentions: ["cy"] }))).toBe("mention_unknown");
    }
    const path = `/conversations/${ROOM}/messages`;
    const body = { clientMessageId: uuid(5), text: "hi", mentions: ["cy"] };
    const answer = await call(server, "POST", path, body);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "mention_unknown" } } });
    await server.as("ana").addMembers(ROOM, ["cy"]);
    expect(await refusal(server.as("ana").send(ROOM, { text: "hi", mentions: ["cy"] }))).toBe("stored");
    // Who was acknowledged gets that answer again, though the mentioned one has left.
    await server.as("ana").removeMembers(ROOM, ["bo"]);
    expect(await send(4, ["bo"])).toMatchObject({ type: "message-stored" });
  });

  it("asks the store once for all of a message, and never for one without", async () => {
    const database = new Database(join(temporaryFolder(), "chat.db"));
    onTestFinished(() => void database.close());
    const store = sqlite(database);
    const roles = vi.spyOn(store.conversations, "roles");
    const members = vi.spyOn(store.conversations, "members");
    const server = await openRoom({ store });
    const users = Array.from({ length: LIMITS.mentionsPerMessage }, (_, at) => `user ${at}`);
    await server.as("ana").addMembers(ROOM, users);
    roles.mockClear();
    await server.as("ana").send(ROOM, { text: "all", mentions: users });
    expect(roles.mock.calls).toEqual([[ROOM, users]]);
    await server.as("ana").send(ROOM, "none");
    expect(roles).toHaveBeenCalledTimes(1);
    expect(members).not.toHaveBeenCalled();
  });

  it("stores each user once, nothing of an empty list, and refuses what is no list of ids or too long", async () => {
    const server = await openRoom();
    const ana = server.as("ana");
    const device = await RawDevice.open(server, "ana");
    const twice = { text: "hi", mentions: ["bo", "cy", "bo"] };
    const request = {
      type: "send-message",
      conversationId: ROOM,
      clientMessageId: uuid(1),
      ...twice,
    } as const;
    const { rewritten } = await device.expect("message-stored", request);
    expect(rewritten).toEqual({ text: "hi", mentions: ["bo", "cy"] });
    expect(await newest(server)).toMatchObject({ mentions: ["bo", "cy"] });
    await ana.send(ROOM, { text: "hi", mentions: [] });
    expect(await newest(server)).not.toHaveProperty("mentions");
    const many = Array<string>(LIMITS.mentionsPerMessage + 1).fill("bo");
    expect(await refusal(ana.send(ROOM, { text: "hi", mentions: many }))).toBe("limit_exceeded");
    for (const mentions of ["bo", { bo: true }, [1], [""], [null], ["\u0000"]]) {
      const message = { text: "hi", mentions: mentions as unknown as string[] };
      expect(await refusal(ana.send(ROOM, message))).toBe("invalid_argument");
    }
    const frame = { ...request, clientMessageId: uuid(2), mentions: many };
    expect(await device.ask(frame)).toMatchObject({ type: "error", code: "malformed_frame" });
  });

  it("are the application's to change, and stay when it says nothing of them", async () => {
    const seen: unknown[] = [];
    let mentions: readonly string[] | undefined;
    const server = await openRoom({
      beforeSend(message) {
        seen.push([...message.mentions!]);
        (message.mentions as string[]).push("mallory");
        return { text: "masked", ...(mentions && { mentions }) };
      },
    });
    const send = () => server.as("ana").send(ROOM, { text: "hi", mentions: ["bo"] });
    expect(await send()).toMatchObject({ text: "masked", mentions: ["bo"] });
    mentions = [];
    expect(await send()).not.toHaveProperty("mentions");
    mentions = ["cy"];
    expect(await send()).toMatchObject({ mentions: ["cy"] });
    mentions = ["nobody"];
    expect(await refusal(send())).toBe("mention_unknown");
    expect(seen).toEqual(Array(4).fill(["bo"]));
  });

  it("come with an import, also of those who are no members any more, and leave with an export", async () => {
    const server = await openRoom();
    const row = { type: "message", conversationId: ROOM, senderId: "old", createdAt: 1 } as const;
    const refused: unknown[] = [];
    const rows: ImportRow[] = [
      { ...row, externalId: "1", text: "hi", mentions: ["bo", "gone", "bo"] },
      { ...row, externalId: "2", text: "hi", mentions: [""] },
      { ...row, externalId: "3", text: "hi", mentions: [] },
    ];
    const onRefused = (row: unknown): void => void refused.push(row);
    expect(await server.importHistory(rows, { onRefused })).toMatchObject({ messages: 2, refused: 1 });
    expect(refused).toMatchObject([{ row: 2 }]);
    const { entries } = await server.as("bo").history(ROOM, { after: 1 });
    expect(entries.map((entry) => entry.mentions)).toEqual([["bo", "gone"], undefined]);
    const lines: string[] = [];
    for await (const line of server.exportConversation(ROOM)) lines.push(line);
    expect(lines.filter((line) => line.includes(`"mentions":["bo","gone"]`))).toHaveLength(1);
  });

  it("may be muted with the conversation, which says so on all devices", async () => {
    const server = await openRoom();
    const [phone, laptop] = [await RawDevice.open(server, "bo"), await RawDevice.open(server, "bo")];
    const request = { type: "mute-conversation", conversationId: ROOM, until: 2 ** 53 - 1 } as const;
    const mute = { version: 1, until: 2 ** 53 - 1, mentionsMuted: true };
    expect(await phone.expect("receipts", { ...request, mentionsMuted: true })).toMatchObject({
      receipts: [{ mute }],
    });
    expect(await laptop.until(({ type }) => type === "own-receipt-changed")).toMatchObject({
      receipt: { mute },
    });
    expect((await server.as("bo").conversation(ROOM)).mute).toEqual(mute);
    const { mute: again } = await server.as("bo").mute(ROOM, 2 ** 53 - 1);
    expect(again).toEqual({ version: 2, until: 2 ** 53 - 1 });
    const path = `/conversations/${ROOM}/mute`;
    const body = { until: 2 ** 53 - 1, mentionsMuted: true };
    const answer = await call(server, "PUT", path, body, "bo");
    expect(answer.body).toMatchObject({ mute: { version: 3, mentionsMuted: true } });
    expect((await server.as("bo").mute(ROOM, 0, { mentionsMuted: true })).mute).toEqual({ version: 4 });
  });
});
