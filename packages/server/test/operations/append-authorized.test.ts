import { ChatError } from "@chat/protocol";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import type { AppendOutcome, Draft, MessageStore } from "../../src/store/message-store.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";

const refused = (...error: ConstructorParameters<typeof ChatError>): AppendOutcome => ({
  status: "refused",
  error: new ChatError(...error),
});

/** Has a real store refuse the first batch of several drafts in the given way. */
function refuseOnce(messages: MessageStore, outcomes: readonly AppendOutcome[]): void {
  const append = messages.append.bind(messages);
  let first = true;
  Object.assign(messages, {
    append: (drafts: readonly Draft[]) => {
      if (drafts.length < outcomes.length || !first) return append(drafts);
      first = false;
      return Promise.resolve(outcomes);
    },
  });
}

it("tries nothing again behind a draft that failed: it would overtake", async () => {
  const store = sqlite(new Database(":memory:"), { allowVolatile: true });
  refuseOnce(store.messages, [
    refused("membership_moved", "The members changed."),
    refused("store_unavailable", "The disk is full."),
    refused("out_of_order", "A message before this one failed."),
  ]);
  const server = await openServer({ store });
  const ana = await RawDevice.open(server, "ana");
  await ana.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId: "room",
    clientMessageId: crypto.randomUUID(),
    members: [],
  });
  const answers = await Promise.all(["1", "2", "3"].map((text) => ana.send("room", text)));
  expect(answers).toMatchObject([
    { type: "message-stored", messageId: 2 },
    { type: "error", code: "store_unavailable" },
    { type: "error", code: "out_of_order" },
  ]);
});

it("lets nothing in behind what was refused to somebody who comes back at that moment", async () => {
  const store = sqlite(new Database(":memory:"), { allowVolatile: true });
  const server = await openServer({ store });
  const ana = await RawDevice.open(server, "ana");
  await ana.expect("conversation", {
    type: "create-conversation",
    conversationType: "group",
    conversationId: "room",
    clientMessageId: crypto.randomUUID(),
    members: ["bo"],
  });
  const bo = await RawDevice.open(server, "bo");
  // Removed when the first message is looked at, and a member again when the second one is.
  const participation = store.conversations.participation.bind(store.conversations);
  let looks = 0;
  Object.assign(store.conversations, {
    async participation(userId: string | undefined, conversationId: string) {
      const found = await participation(userId, conversationId);
      return found && looks++ === 0 ? { ...found, member: false } : found;
    },
  });
  const together = await Promise.all(["1", "2", "3"].map((text) => bo.send("room", text)));
  expect(together.map((answer) => answer.type === "error" && answer.code)).toEqual([
    "forbidden",
    "forbidden",
    "forbidden",
  ]);
  // It is still on its way when the refusals are; a device that never hears of them sends all of it again, in order.
  expect(await bo.send("room", "4")).toMatchObject({ type: "error", code: "out_of_order" });
  const send = {
    type: "send-message",
    conversationId: "room",
    clientMessageId: crypto.randomUUID(),
  } as const;
  expect(await bo.ask({ ...send, text: "4", first: true })).toMatchObject({
    type: "message-stored",
    messageId: 2,
  });
});

it("stores nothing of who was removed and came back while it was on its way: another server may have refused it meanwhile", async () => {
  const store = sqlite(new Database(":memory:"), { allowVolatile: true });
  const server = await openServer({ store });
  const ana = await RawDevice.open(server, "ana");
  const inRoom = { conversationId: "room", clientMessageId: crypto.randomUUID() };
  await ana.expect("conversation", {
    ...{ type: "create-conversation", conversationType: "group", ...inRoom },
    members: ["bo"],
  });
  const bo = await RawDevice.open(server, "bo");
  const append = store.messages.append.bind(store.messages);
  let isFirst = true;
  Object.assign(store.messages, {
    async append(drafts: readonly Draft[]) {
      if (isFirst && drafts[0]?.senderId === "bo") {
        isFirst = false;
        for (const type of ["remove-members", "add-members"] as const) {
          const clientMessageId = crypto.randomUUID();
          expect((await ana.ask({ ...inRoom, type, clientMessageId, members: ["bo"] })).type).not.toBe(
            "error",
          );
        }
      }
      return append(drafts);
    },
  });
  const together = await Promise.all(["1", "2"].map((text) => bo.send("room", text)));
  expect(together).toMatchObject([
    { type: "error", code: "out_of_order" },
    { type: "error", code: "out_of_order" },
  ]);
  // Whoever is still there begins anew, and is a member.
  const send = { type: "send-message", ...inRoom, clientMessageId: crypto.randomUUID() } as const;
  expect(await bo.ask({ ...send, text: "1", first: true })).toMatchObject({
    type: "message-stored",
    messageId: 4,
  });
});
