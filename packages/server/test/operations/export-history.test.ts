import { describe, expect, it } from "vitest";
import {
  type ChatServer,
  DEFAULT_SETTINGS,
  type ExportedEntry,
  type ExportLine,
  type ImportRow,
} from "../../src/index.js";
import { openServer } from "../open-server.js";
import { RecordingProvider } from "../push/recording-provider.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const ROOM = "room";

async function parse(lines: AsyncIterable<string>): Promise<ExportLine[]> {
  const parsed: ExportLine[] = [];
  for await (const line of lines) {
    expect(line).toMatch(/^[^\n]+\n$/);
    parsed.push(JSON.parse(line) as ExportLine);
  }
  return parsed;
}

function entriesOf(lines: readonly ExportLine[]): readonly ExportedEntry[] {
  return lines.flatMap((line) => (line.type === "entry" ? [line.entry] : []));
}

function textsOf(lines: readonly ExportLine[]): readonly (string | undefined)[] {
  return entriesOf(lines).flatMap(({ kind, text }) => (kind === "text" ? [text] : []));
}

async function say(server: ChatServer, userId: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await server.as(userId).send(ROOM, text);
}

describe("the export of a conversation", () => {
  it("is all of it, in order, with its members, a first and a last line", async () => {
    const server = await openServer();
    await server.as("ana").createGroup({ id: ROOM, members: ["bo", "cy"], name: "Deck", data: { a: 1 } });
    await server.as("ana").setRole(ROOM, ["bo"], "admin");
    await say(server, "bo", "one", "two\nlines");
    await server.as("ana").send(ROOM, { kind: "x-note", data: { b: 2 }, replyTo: 3 });
    await server.as("cy").removeMembers(ROOM, ["cy"]);
    const lines = await parse(server.exportConversation(ROOM));
    expect(lines[0]).toMatchObject({ type: "export", version: 1, conversationId: ROOM });
    expect(lines[1]).toMatchObject({
      type: "conversation",
      conversation: { conversationId: ROOM, type: "group", name: "Deck", data: { a: 1 }, memberCount: 2 },
    });
    expect(lines.filter(({ type }) => type === "member")).toEqual([
      { type: "member", conversationId: ROOM, userId: "ana", role: "owner", joinedAt: 1 },
      { type: "member", conversationId: ROOM, userId: "bo", role: "admin", joinedAt: 1 },
    ]);
    expect(entriesOf(lines)).toMatchObject([
      { messageId: 1, kind: "created", data: { members: ["ana", "bo", "cy"] } },
      { messageId: 2, kind: "roles-changed" },
      { messageId: 3, kind: "text", senderId: "bo", text: "one" },
      { messageId: 4, text: "two\nlines" },
      { messageId: 5, kind: "x-note", data: { b: 2 }, replyTo: 3 },
      { messageId: 6, kind: "members-removed", senderId: "cy" },
    ]);
    expect(lines.at(-1)).toEqual({ type: "end", entries: 6 });
    expect(JSON.stringify(lines)).not.toMatch(/clientMessageId|deviceId|fingerprint/);
  });

  it("is read page by page, no faster than it is taken", async () => {
    const server = await openServer();
    const message = (number: number): ImportRow => ({
      type: "message",
      conversationId: ROOM,
      externalId: `${number}`,
      senderId: "ana",
      createdAt: number,
      text: `${number}`,
    });
    const room: ImportRow = {
      type: "conversation",
      conversationId: ROOM,
      conversationType: "group",
      members: ["ana"],
    };
    await server.importHistory([room, ...Array.from({ length: 1_000 }, (_, index) => message(index))]);
    const all = await parse(server.exportConversation(ROOM));
    expect(textsOf(all)).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));

    // What is redacted behind what was taken is found redacted: nothing was read ahead but the page under way.
    const taken: ExportLine[] = [];
    for await (const line of server.exportConversation(ROOM)) {
      taken.push(JSON.parse(line) as ExportLine);
      if (taken.length === 50) await server.system.redact(ROOM, 500);
    }
    expect(entriesOf(taken).find(({ messageId }) => messageId === 500)).toMatchObject({ redacted: true });
  });

  it("holds no word that was redacted or erased, and says at the end what was redacted while it ran", async () => {
    const server = await openServer();
    await server.as("ana").createGroup({ id: ROOM, members: ["bo", "cy"] });
    await say(server, "bo", "one", "two");
    await say(server, "cy", "three");
    await server.as("bo").redact(ROOM, 2);
    const lines: ExportLine[] = [];
    for await (const line of server.exportConversation(ROOM)) {
      const parsed = JSON.parse(line) as ExportLine;
      lines.push(parsed);
      if (parsed.type !== "entry" || parsed.entry.messageId !== 4) continue;
      await server.as("bo").redact(ROOM, 3);
      await server.eraseUser("cy");
    }
    expect(textsOf(lines)).toEqual([undefined, "two", "three"]);
    expect(entriesOf(lines)[1]).toMatchObject({ messageId: 2, redacted: true });
    expect(lines.slice(-3)).toEqual([
      { type: "redaction", conversationId: ROOM, userId: "cy", before: 7 },
      { type: "redaction", conversationId: ROOM, messageId: 3, before: 6 },
      { type: "end", entries: 5 },
    ]);
    expect(textsOf(await parse(server.exportConversation(ROOM)))).toEqual([undefined, undefined, undefined]);
  });

  it("begins where the log begins now", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime });
    await server.as("ana").createGroup({ id: ROOM, members: [] });
    await say(server, "ana", "one", "two", "three");
    await server.setRetention(ROOM, { count: 2 });
    clock.advance(DEFAULT_SETTINGS.retentionInterval);
    await clock.settle();
    expect(textsOf(await parse(server.exportConversation(ROOM)))).toEqual(["two", "three"]);
  });

  it("is refused for what is not there", async () => {
    const server = await openServer();
    await expect(parse(server.exportConversation("nowhere"))).rejects.toMatchObject({ code: "not_found" });
    await expect(parse(server.exportConversation(""))).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("the export of a user", () => {
  /** Ana's room: bo is in it for "two" and for "four". */
  async function comeAndGo(server: ChatServer): Promise<void> {
    await server.as("ana").createGroup({ id: ROOM, members: [] });
    await say(server, "ana", "one");
    await server.as("ana").addMembers(ROOM, ["bo"]);
    await say(server, "ana", "two");
    await server.as("ana").removeMembers(ROOM, ["bo"]);
    await say(server, "ana", "three");
    await server.as("ana").addMembers(ROOM, ["bo"]);
    await say(server, "bo", "four");
    await server.as("bo").removeMembers(ROOM, ["bo"]);
    await say(server, "ana", "five");
  }

  it("shows what lay in the times of membership, and nothing of the rest", async () => {
    const server = await openServer();
    await comeAndGo(server);
    await server.as("cy").createGroup({ id: "not bo's", members: ["ana"] });
    await server.as("ana").createDirect({ id: "pair", members: ["bo"] });
    await server.as("bo").setProfile({ name: "Bo" });
    const lines = await parse(server.exportUser("bo"));
    expect(lines[0]).toMatchObject({ type: "export", userId: "bo", own: false });
    expect(lines[1]).toMatchObject({ type: "profile", profile: { userId: "bo", name: "Bo" } });
    expect(textsOf(lines)).toEqual(["two", "four"]);
    const conversations = lines.flatMap((line) => (line.type === "conversation" ? [line.conversation] : []));
    expect(conversations).toMatchObject([
      { conversationId: "pair", type: "direct", peerId: "ana", member: true },
      { conversationId: ROOM, type: "group", member: false },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/not bo's|one|three|five/);
    expect(lines.filter(({ type }) => type === "member")).toEqual([]);
    expect(lines.at(-1)).toEqual({ type: "end", entries: entriesOf(lines).length });
  });

  it("holds what is kept of the user besides, and nothing of what others have set", async () => {
    const provider = new RecordingProvider();
    const server = await openServer({ push: { providers: [provider] } });
    const deviceId = crypto.randomUUID();
    const bo = server.as("bo", { deviceId });
    await bo.setPrivacy({ readReceipts: false, block: ["cy", "ana"] });
    const phone = await RawDevice.open(server, "bo");
    await phone.expect("presences", { type: "set-presence", invisible: true });
    await bo.setPush({ provider: provider.name, target: { token: "bo's phone" } });
    await server.as("ana").setPrivacy({ block: ["bo"] });
    await server.as("ana").createGroup({ id: ROOM, members: ["cy"] });
    await server.system.addMembers(ROOM, ["bo"]);
    await bo.mute(ROOM, 7_000_000_000_000);
    await bo.setConversationPrivacy(ROOM, { typing: "off" });
    for (const own of [false, true]) {
      const lines = await parse(server.exportUser("bo", { own }));
      expect(lines.slice(1, 4)).toEqual([
        {
          type: "privacy",
          privacy: { version: 1, typing: true, readReceipts: false, blocked: ["ana", "cy"] },
        },
        { type: "presence", presence: { invisible: true } },
        {
          type: "push-subscription",
          subscription: {
            ...{ userId: "bo", deviceId, provider: provider.name, target: { token: "bo's phone" } },
            address: expect.any(String) as string,
          },
        },
      ]);
      expect(lines[4]).toMatchObject({
        type: "conversation",
        conversation: { mute: { until: 7_000_000_000_000 }, privacy: { typing: false } },
      });
    }
    expect((await parse(server.exportUser("cy"))).map(({ type }) => type)).not.toContain("privacy");
  });

  it("is on request only what the user wrote", async () => {
    const server = await openServer();
    await comeAndGo(server);
    const lines = await parse(server.exportUser("bo", { own: true }));
    expect(entriesOf(lines).map(({ senderId }) => senderId)).toEqual(["bo"]);
    expect(textsOf(lines)).toEqual(["four"]);
  });

  it("tells of no redaction of what the user never saw", async () => {
    const server = await openServer();
    await comeAndGo(server);
    const lines: ExportLine[] = [];
    for await (const line of server.exportUser("bo")) {
      const parsed = JSON.parse(line) as ExportLine;
      lines.push(parsed);
      if (parsed.type !== "entry" || parsed.entry.text !== "four") continue;
      for (const messageId of [4, 6, 10]) await server.system.redact(ROOM, messageId);
    }
    const redactions = lines.filter(({ type }) => type === "redaction");
    expect(redactions).toEqual([{ type: "redaction", conversationId: ROOM, messageId: 4, before: 11 }]);
  });

  it("of an erased user holds none of their words, and of nobody nothing", async () => {
    const server = await openServer();
    await comeAndGo(server);
    await server.eraseUser("bo");
    expect(textsOf(await parse(server.exportUser("bo")))).toEqual(["two", undefined]);
    expect((await parse(server.exportUser("nobody"))).map(({ type }) => type)).toEqual(["export", "end"]);
    await expect(parse(server.exportUser(""))).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
