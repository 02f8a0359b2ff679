import { newUuid, systemRuntime } from "@chat/protocol";
import { expect } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import type { AppendOutcome, Draft } from "../../src/store/message-store.js";
import { sqlite, type SqliteDatabase } from "../../src/store/sqlite/index.js";

export const runtime = systemRuntime();

/** A new UUID. */
export function uuid(): string {
  return newUuid(runtime.random);
}

const device = uuid();

/** A text of ana into conversation "c", which has only its `created` entry as membership. */
export function draft(overrides: Partial<Draft> = {}): Draft {
  return {
    conversationId: "c",
    senderId: "ana",
    deviceId: device,
    clientMessageId: uuid(),
    kind: "text",
    text: "hello",
    createdAt: 1,
    countsAsUnread: true,
    membershipVersion: 1,
    ...overrides,
  };
}

/** The conversation "c" of ana. */
export async function createConversation(store: ChatStore): Promise<void> {
  await store.conversations.reserve({ conversationId: "c", type: "group", creatorId: "ana", createdAt: 1 });
  const [outcome] = await store.messages.append([
    draft({
      kind: "created",
      data: { members: ["ana"] },
      countsAsUnread: false,
      membershipVersion: 0,
      membership: { add: [{ userId: "ana", role: "owner" }], remove: [] },
    }),
  ]);
  expect(outcome?.status).toBe("stored");
}

/** An open store with the conversation "c". */
export async function openStore(database: SqliteDatabase): Promise<ChatStore> {
  const store = sqlite(database);
  await store.open({ runtime, groupMembers: 100 });
  await createConversation(store);
  return store;
}

/** `stored`, or the code of the refusal. */
export function result(outcome: AppendOutcome | undefined): string {
  return outcome?.status === "refused" ? outcome.error.code : (outcome?.status ?? "none");
}

/** The ids of a conversation's log. */
export async function logIds(store: ChatStore): Promise<number[]> {
  const query = {
    conversationId: "c",
    before: Infinity,
    order: "ascending",
    limit: 100_000,
    maxBytes: Infinity,
  } as const;
  return (await store.messages.read({ ...query, after: 0 })).map(({ messageId }) => messageId);
}

/** 1..n */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}
