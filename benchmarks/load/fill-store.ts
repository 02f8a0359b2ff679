import { randomUUID } from "node:crypto";
import { systemRuntime } from "@chat/protocol";
import { sqlite } from "@chat/server/sqlite";
import type { Database } from "better-sqlite3";
import { textOf } from "./text-of.js";

/** A conversation that was stored. */
export interface StoredConversation {
  readonly conversationId: string;
  readonly head: number;
  /** Where the user's change feed stood before the messages came. */
  readonly cursor: string;
}

/** What is to be stored. */
export interface Filling {
  /** A member of every conversation, or of as many as one user can sensibly have. */
  readonly userId: string;
  readonly conversations: number;
  /** Of each conversation, by somebody else. */
  readonly messages: number;
  /** Copies rows instead of storing messages: for files that would take hours otherwise. */
  readonly raw: boolean;
  progress(what: string): void;
}

const AUTHOR = "bo";
/** Conversations of one user, where there are very many in the file. */
const OF_THE_USER = 1_000;
const BATCH = 1_000;
const CHUNK = 250_000;

/** Fills a new database, and closes it. */
export async function fillStore(database: Database, filling: Filling): Promise<StoredConversation[]> {
  database.pragma("journal_mode = WAL");
  const store = sqlite(database);
  await store.open({ runtime: systemRuntime(), groupMembers: 100 });
  const real = filling.raw ? 1 : filling.conversations;
  const ids: string[] = [];
  const createdAt = Date.now();
  const { userId } = filling;
  const draft = (
    conversationId: string,
  ): Omit<
    Parameters<typeof store.messages.append>[0][number],
    "kind" | "countsAsUnread" | "membershipVersion"
  > => ({
    conversationId,
    senderId: AUTHOR,
    deviceId: randomUUID(),
    clientMessageId: randomUUID(),
    createdAt,
  });
  for (let count = 0; count < real; count++) {
    const conversationId = randomUUID();
    ids.push(conversationId);
    await store.conversations.reserve({ conversationId, type: "group", creatorId: AUTHOR, createdAt });
    const members = [AUTHOR, userId].map((member) => ({ userId: member, role: "member" as const }));
    await store.messages.append([
      {
        ...draft(conversationId),
        kind: "created",
        data: { members: [AUTHOR, userId] },
        countsAsUnread: false,
        membershipVersion: 0,
        membership: { add: members, remove: [] },
      },
    ]);
  }
  const { cursor } = await store.conversations.list(userId, { limit: 1 });
  const messages = filling.raw ? 1 : filling.messages;
  for (const [at, conversationId] of ids.entries()) {
    for (let number = 0; number < messages; number += BATCH) {
      const texts = Array.from({ length: Math.min(BATCH, messages - number) }, (_, index) =>
        textOf(number + index),
      );
      const drafts = texts.map((text) => ({
        ...draft(conversationId),
        kind: "text",
        text,
        countsAsUnread: true,
        membershipVersion: 1,
      }));
      await store.messages.append(drafts);
    }
    if (at % 250 === 249) filling.progress(`${at + 1} of ${ids.length} conversations stored`);
  }
  await store.close();
  const stored = filling.raw
    ? copyRows(database, filling, ids[0]!)
    : ids.map((conversationId) => ({ conversationId, head: 1 + filling.messages }));
  database.close();
  return stored.map((conversation) => ({ ...conversation, cursor }));
}

/** Multiplies the one conversation that there is. */
function copyRows(
  database: Database,
  { userId, conversations, messages, progress }: Filling,
  conversationId: string,
): { conversationId: string; head: number }[] {
  const head = messages + 1;
  database.pragma("synchronous = OFF");
  const [conversation] = database.prepare("SELECT * FROM chat_conversation").all() as Record<
    string,
    unknown
  >[];
  const insert = (table: string, row: Record<string, unknown>): ((over: Record<string, unknown>) => void) => {
    const columns = Object.keys(row);
    const statement = database.prepare(
      `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => "?").join()})`,
    );
    return (over) => void statement.run(...columns.map((column) => over[column] ?? row[column]));
  };
  const first = (table: string, where: string, ...values: unknown[]): Record<string, unknown> =>
    database.prepare(`SELECT * FROM ${table} WHERE ${where}`).get(...values) as Record<string, unknown>;
  const message = insert("chat_message", first("chat_message", "id = 2"));
  const addConversation = insert("chat_conversation", { ...conversation, head });
  const member = insert("chat_participation", first("chat_participation", "user = ?", userId));
  const all = [{ conversationId, head }];
  let written = 0;
  database.exec("BEGIN");
  const wrote = (): void => {
    if (++written % CHUNK !== 0) return;
    database.exec("COMMIT; BEGIN");
    if (written % 1_000_000 === 0) progress(`${written / 1e6} million messages stored`);
  };
  for (let id = 3; id <= head; id++, wrote()) message({ id });
  for (let count = 1; count < conversations; count++) {
    const [id, key] = [randomUUID(), Number(conversation!["key"]) + count];
    addConversation({ key, id });
    if (count >= conversations - OF_THE_USER) {
      member({ conversation: key });
      all.push({ conversationId: id, head });
    }
    for (let number = 1; number <= head; number++, wrote()) message({ conversation: key, id: number });
  }
  database.prepare("UPDATE chat_conversation SET head = ?").run(head);
  database.exec("COMMIT");
  database.pragma("wal_checkpoint(TRUNCATE)");
  return all;
}
