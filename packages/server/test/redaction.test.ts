import type { ClientFrame, Entry, ServerFrame } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { createRoom } from "./door/create-room.js";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";

const ROOM = "room";

function redact(
  device: RawDevice,
  messageId: number,
  clientMessageId: string = crypto.randomUUID(),
): Promise<ServerFrame> {
  return device.ask({ type: "redact-message", conversationId: ROOM, clientMessageId, messageId });
}

async function refusal(answer: Promise<ServerFrame>): Promise<string> {
  const frame = await answer;
  return frame.type === "error" ? frame.code : frame.type;
}

async function log(device: RawDevice): Promise<readonly Entry[]> {
  const request = { type: "get-range", conversationId: ROOM, limit: 200, after: 0 } as const;
  return (await device.expect("range", request)).entries;
}

function membership(
  type: "add-members" | "remove-members",
  ...members: string[]
): Omit<Extract<ClientFrame, { type: "add-members" | "remove-members" }>, "requestId"> {
  return { type, conversationId: ROOM, clientMessageId: crypto.randomUUID(), members };
}

describe("redact-message", () => {
  it("leaves a tombstone in history, row and pushes, and tells everybody once", async () => {
    const server = await openServer();
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    await createRoom(ana, ["bo"]);
    await bo.send(ROOM, "a secret");
    const key = crypto.randomUUID();
    const answer = await redact(bo, 2, key);
    expect(answer).toMatchObject({
      type: "conversation",
      row: { head: 3, lastRedaction: 3, latest: { messageId: 2, redacted: true } },
    });
    for (const device of [ana, bo]) {
      await device.until((frame) => frame.type === "entries" && frame.through === 3);
      expect(device.pushed(ROOM).at(-1)).toMatchObject({
        messageId: 3,
        senderId: "bo",
        kind: "redacted",
        data: { messageId: 2, previous: 0 },
      });
      expect((await log(device))[1]).toMatchObject({ messageId: 2, senderId: "bo", redacted: true });
    }
    expect(JSON.stringify([await log(ana), answer])).not.toContain("secret");
    // The same request, and another one for the same message: nothing more is stored.
    expect(await refusal(redact(bo, 2, key))).toBe("conversation");
    expect(await refusal(redact(ana, 2))).toBe("conversation");
    expect(await log(ana)).toHaveLength(3);
  });

  it("is for the sender, and in a group for owners and admins", async () => {
    const server = await openServer();
    const [ana, bo, cy] = await Promise.all(
      ["ana", "bo", "cy"].map((userId) => RawDevice.open(server, userId)),
    );
    await createRoom(ana!, ["bo", "cy"]);
    await ana!.send(ROOM, "of the owner");
    await bo!.send(ROOM, "of bo");
    await cy!.send(ROOM, "of cy");
    expect(await refusal(redact(bo!, 2))).toBe("forbidden");
    expect(await refusal(redact(bo!, 4))).toBe("forbidden");
    expect(await refusal(redact(ana!, 4))).toBe("conversation");
    expect(await refusal(redact(bo!, 3))).toBe("conversation");
  });

  it("is for the sender alone where two talk", async () => {
    const server = await openServer();
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    await ana.expect("conversation", {
      type: "create-conversation",
      conversationType: "direct",
      conversationId: ROOM,
      clientMessageId: crypto.randomUUID(),
      members: ["bo"],
    });
    await bo.send(ROOM, "of bo");
    expect(await refusal(redact(ana, 2))).toBe("forbidden");
    expect(await refusal(redact(bo, 2))).toBe("conversation");
  });

  it("is refused for what is no message, what can't be seen, and to who is no member", async () => {
    const server = await openServer();
    const [ana, bo, eve] = await Promise.all(
      ["ana", "bo", "eve"].map((userId) => RawDevice.open(server, userId)),
    );
    await createRoom(ana!, []);
    await ana!.send(ROOM, "before bo");
    await ana!.expect("conversation", membership("add-members", "bo"));
    await bo!.send(ROOM, "of bo");
    expect(await refusal(redact(ana!, 1))).toBe("invalid_argument");
    expect(await refusal(redact(ana!, 99))).toBe("not_found");
    expect(await refusal(redact(ana!, 0))).toBe("not_found");
    expect(await refusal(redact(bo!, 2))).toBe("not_found");
    expect(await refusal(redact(eve!, 2))).toBe("not_found");
    await ana!.expect("conversation", membership("remove-members", "bo"));
    expect(await refusal(redact(bo!, 4))).toBe("forbidden");
  });

  it("answers the resend of a redacted message with what is left of it", async () => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    const key = crypto.randomUUID();
    const first = await ana.send(ROOM, "a secret", key);
    expect(first).not.toHaveProperty("redacted");
    await redact(ana, 2);
    expect(await ana.send(ROOM, "a secret", key)).toMatchObject({
      type: "message-stored",
      messageId: 2,
      redacted: true,
    });
    expect(await log(ana)).toHaveLength(3);
  });

  it("reaches the row of a former member with the next changes", async () => {
    const server = await openServer();
    const [ana, bo] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "bo")];
    await createRoom(ana, ["bo"]);
    await ana.send(ROOM, "a secret");
    await ana.expect("conversation", membership("remove-members", "bo"));
    const { cursor } = await bo.expect("conversations", { type: "list-conversations", limit: 10 });
    await redact(ana, 2);
    const { rows } = await bo.expect("changes", { type: "list-changes", limit: 10, cursor });
    expect(rows).toMatchObject([{ member: false, head: 2, lastRedaction: 4, latest: { redacted: true } }]);
    expect(JSON.stringify(rows)).not.toContain("secret");
  });
});
