import { ChatError, type SendMessageFrame } from "@chat/protocol";
import { expect, it } from "vitest";
import { Lanes } from "../../src/session/lanes.js";
import type { AppendOutcome } from "../../src/store/message-store.js";

/** Lanes into conversations of which all but `room` refuse their messages. */
function openLanes(stored: Promise<unknown> = Promise.resolve()) {
  const answers: { conversationId: string; code: string }[] = [];
  const lanes = new Lanes(
    10,
    async (conversationId, messages) => {
      await stored;
      return messages.map(() => outcomeIn(conversationId));
    },
    ({ conversationId }, outcome) =>
      answers.push({ conversationId, code: outcome.status === "refused" ? outcome.error.code : "stored" }),
  );
  let requestId = 0;
  const push = (conversationId: string, first?: true): void =>
    lanes.push({
      type: "send-message",
      requestId: ++requestId,
      conversationId,
      clientMessageId: crypto.randomUUID(),
      text: "x",
      ...(first && { first }),
    } satisfies SendMessageFrame);
  return { lanes, answers, push };
}

function outcomeIn(conversationId: string): AppendOutcome {
  if (conversationId !== "room") {
    return { status: "refused", error: new ChatError("not_found", "There is no such conversation.") };
  }
  const entry = { conversationId, messageId: 1 } as Extract<AppendOutcome, { status: "stored" }>["entry"];
  return { status: "stored", entry };
}

it("keeps no more lanes than it may, however many conversations refuse", async () => {
  const { lanes, push } = openLanes();
  for (let count = 0; count < 5_000; count++) {
    push(`nowhere ${count}`, true);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(lanes.size).toBeLessThanOrEqual(1_000);
});

it("stores nothing behind a refusal that it has forgotten, until the device begins again", async () => {
  const { answers, push } = openLanes();
  push("blocked", true);
  await new Promise((resolve) => setImmediate(resolve));
  for (let count = 0; count < 2_000; count++) push(`nowhere ${count}`, true);
  await new Promise((resolve) => setImmediate(resolve));
  push("blocked");
  push("room");
  push("room", true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(answers.filter(({ conversationId }) => conversationId === "blocked")).toEqual([
    { conversationId: "blocked", code: "not_found" },
    { conversationId: "blocked", code: "out_of_order" },
  ]);
  expect(answers.filter(({ conversationId }) => conversationId === "room")).toEqual([
    { conversationId: "room", code: "out_of_order" },
    { conversationId: "room", code: "stored" },
  ]);
});

it("takes no more than the room of four lanes while a store does not answer, into however many conversations", async () => {
  let answer = (): void => {};
  const { answers, push } = openLanes(new Promise<void>((resolve) => (answer = resolve)));
  for (let count = 0; count < 100; count++) push(`nowhere ${count}`, true);
  expect(answers.map(({ code }) => code)).toEqual(Array.from({ length: 60 }, () => "overloaded"));
  // What is behind a refused one must not overtake it.
  push("nowhere 99");
  expect(answers.at(-1)).toEqual({ conversationId: "nowhere 99", code: "out_of_order" });
  answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(answers.filter(({ code }) => code === "not_found")).toHaveLength(40);
  push("room", true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(answers.at(-1)).toEqual({ conversationId: "room", code: "stored" });
});
