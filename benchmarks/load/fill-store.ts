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
/** Rows that are copied in one statement. */
const CHUNK = 1_000_000;

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
    ? copyRows(database, filling)
    : ids.map((conversationId) => ({ conversationId, head: 1 + filling.messages }));
  database.close();
  return stored.map((conversation) => ({ ...conversation, cursor }));
}

/** Multiplies the one conversation that there is, and its one message. */
function copyRows(
  database: Database,
  { userId, conversations, messages, progress }: Filling,
): { conversationId: string; head: number }[] {
  const head = messages + 1;
  database.pragma("synchronous = OFF");
  database.pragma("cache_size = -400000");
  const { key } = database.prepare("SELECT key FROM chat_conversation").get() as { key: number };
  /** Copies the rows of a table as often as `from` says, with other values in some columns. */
  const copy = (table: string, where: string, over: Record<string, string>, from: string): void => {
    const columns = (database.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
    const values = columns.map((name) => over[name] ?? `"${name}"`);
    database.exec(`
      CREATE TEMP TABLE template AS SELECT * FROM ${table} WHERE ${where};
      INSERT INTO ${table} (${columns.map((name) => `"${name}"`).join()}) SELECT ${values.join()} FROM ${from}, template;
      DROP TABLE template;`);
  };
  const numbers = (first: number, last: number, name: string): string =>
    `(WITH RECURSIVE n(${name}) AS (SELECT ${first} UNION ALL SELECT ${name} + 1 FROM n WHERE ${name} < ${last}) SELECT * FROM n)`;
  const lastKey = key + conversations - 1;
  database.exec(`UPDATE chat_conversation SET head = ${head}`);
  if (conversations > 1) {
    const others = numbers(key + 1, lastKey, "k");
    copy("chat_conversation", "true", { key: "k", id: "'conversation-' || k" }, others);
    const ofTheUser = numbers(Math.max(key + 1, lastKey - OF_THE_USER), lastKey, "k");
    copy("chat_participation", `user = '${userId}'`, { conversation: "k" }, ofTheUser);
  }
  const each = Math.max(1, Math.floor(CHUNK / conversations));
  for (let from = 3; from <= head; from += each) {
    const ids = numbers(from, Math.min(head, from + each - 1), "i");
    copy(
      "chat_message",
      "id = 2 AND conversation = (SELECT min(key) FROM chat_conversation)",
      { id: "i" },
      ids,
    );
    if (conversations === 1) progress(`${((from + each) / 1e6).toFixed(0)} million messages stored`);
  }
  const step = Math.floor(CHUNK / head);
  for (let from = key + 1; from <= lastKey; from += step) {
    const keys = numbers(from, Math.min(lastKey, from + step - 1), "k");
    const first = `conversation = ${key}`;
    copy("chat_message", first, { conversation: "k" }, keys);
    progress(`${Math.min(lastKey, from + step)} conversations stored`);
  }
  database.pragma("wal_checkpoint(TRUNCATE)");
  const all = database
    .prepare(
      "SELECT c.id FROM chat_participation p JOIN chat_conversation c ON c.key = p.conversation WHERE p.user = ?",
    )
    .all(userId);
  return (all as { id: string }[]).map(({ id }) => ({ conversationId: id, head }));
}
