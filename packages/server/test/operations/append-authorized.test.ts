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
