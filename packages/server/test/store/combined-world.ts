import type { ChatStore, Draft, FollowingStore, StoredEntry } from "@chat/server";
import { combineStores } from "@chat/server";
import { createDynamoDbTables, dynamodb, type DynamoDbClient } from "@chat/server/dynamodb";
import { ChatError, newUuid, systemRuntime } from "@chat/protocol";
import { onTestFinished } from "vitest";
import { dynamodbClient } from "../engines/start-dynamodb.js";

export const runtime = systemRuntime();
let made = 0;

/** Tables of a test's own, with a relational store of its own beside them. */
export interface CombinedWorld {
  readonly prefix: string;
  client(): DynamoDbClient;
  rows(): FollowingStore;
  /** A server's store, open; closed at the end of the test, unless it dies. */
  open(options?: {
    readonly client?: DynamoDbClient;
    readonly rows?: FollowingStore;
    readonly dies?: boolean;
    /** How soon it looks for rows that were left behind, ms; soon by default. */
    readonly repairInterval?: number;
  }): Promise<ChatStore>;
}

const REPAIR_INTERVAL = 30;

export async function combinedWorld(port: number, rows: () => FollowingStore): Promise<CombinedWorld> {
  const prefix = `world${process.pid}_${++made}_`;
  await createDynamoDbTables(dynamodbClient(port), { prefix });
  const client = (): DynamoDbClient => {
    const opened = dynamodbClient(port);
    onTestFinished(() => opened.destroy());
    return opened;
  };
  return {
    prefix,
    client,
    rows,
    async open(parts = {}) {
      const store = combineStores({
        messages: dynamodb(parts.client ?? client(), { prefix }),
        conversations: parts.rows ?? rows(),
        repairInterval: parts.repairInterval ?? REPAIR_INTERVAL,
      });
      await store.open({ runtime, groupMembers: 1_000 });
      if (parts.dies !== true) onTestFinished(() => store.close());
      return store;
    },
  };
}

/** A draft of ana's, under the `created` entry, unless said otherwise. */
export function draft(conversationId: string, overrides: Partial<Draft> = {}): Draft {
  return {
    conversationId,
    senderId: "ana",
    deviceId: newUuid(runtime.random),
    clientMessageId: newUuid(runtime.random),
    kind: "text",
    text: "hello",
    createdAt: 1_700_000_000_000,
    countsAsUnread: true,
    membershipVersion: 1,
    ...overrides,
  };
}

/** The draft of a membership entry, which says in its data what it does. */
export function membershipDraft(
  conversationId: string,
  kind: "created" | "members-added" | "members-removed",
  userIds: readonly string[],
  membershipVersion: number,
): Draft {
  const { text: _, ...rest } = draft(conversationId, { kind, membershipVersion, countsAsUnread: false });
  const add = userIds.map((userId) => ({
    userId,
    role: userId === "ana" ? ("owner" as const) : ("member" as const),
  }));
  const membership = kind === "members-removed" ? { add: [], remove: userIds } : { add, remove: [] };
  return { ...rest, data: { members: [...userIds] }, membership };
}

/** Does something while the rows can't follow the log. */
export async function whileRowsStay<T>({ follower }: FollowingStore, work: () => Promise<T>): Promise<T> {
  const advance = follower.advance.bind(follower);
  const lost = new ChatError("store_unavailable", "The database is away.");
  Object.assign(follower, { advance: () => Promise.reject(lost) });
  try {
    return await work();
  } finally {
    Object.assign(follower, { advance });
  }
}

/** A group of ana and bo. */
export async function group(store: ChatStore, conversationId: string): Promise<void> {
  await store.conversations.reserve({ conversationId, type: "group", creatorId: "ana", createdAt: 1 });
  const [outcome] = await store.messages.append([
    membershipDraft(conversationId, "created", ["ana", "bo"], 0),
  ]);
  if (outcome?.status !== "stored") throw new Error("The group was not made.", { cause: outcome });
}

/** All of a conversation that readers see. */
export function logOf(store: ChatStore, conversationId: string): Promise<readonly StoredEntry[]> {
  const all = { after: 0, before: Infinity, order: "ascending", limit: 1e6, maxBytes: Infinity } as const;
  return store.messages.read({ conversationId, ...all });
}

/** Resolves when something is so; the test's own deadline ends the waiting. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise<void>((resolve) => runtime.clock.schedule(5, resolve));
}
