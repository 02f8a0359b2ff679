import type { MysqlPool } from "@chat/server/mysql";
import type { RowDataPacket } from "mysql2/promise";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "./mysql-database.js";
import { openMysql } from "./mysql-drafts.js";
import { draft, result, upTo } from "./sqlite-drafts.js";
import { watchedMysql } from "./watched-mysql.js";

async function newDatabase(): Promise<MysqlDatabase> {
  const database = await MysqlDatabase.create();
  onTestFinished(() => database.dispose());
  return database;
}

/** A store that counts what its connections are asked, with what every transaction begins and ends with. */
async function countedStore(database: MysqlDatabase) {
  let count = 0;
  const pool: MysqlPool = watchedMysql(database.pool({ connectionLimit: 2 }), () => count++);
  const store = await openMysql(pool);
  const statements = async (work: () => Promise<unknown>): Promise<number> => {
    const before = count;
    await work();
    return count - before;
  };
  // What is looked at once per connection does not count.
  await Promise.all(upTo(8).map(() => store.conversations.position()));
  return { store, statements };
}

async function groupOf(store: ChatStore, conversationId: string, members: number): Promise<void> {
  await store.conversations.reserve({ conversationId, type: "group", creatorId: "u1", createdAt: 1 });
  const userIds = upTo(members).map((index) => `u${index}`);
  const [outcome] = await store.messages.append([
    draft({
      conversationId,
      senderId: "u1",
      kind: "created",
      data: { members: userIds },
      countsAsUnread: false,
      membershipVersion: 0,
      membership: { add: userIds.map((userId) => ({ userId, role: "member" })), remove: [] },
    }),
  ]);
  expect(result(outcome)).toBe("stored");
}

describe.skipIf(!(await isUp("mysql")))("MySQL store, statement by statement", () => {
  it("takes as many statements for 400 messages into 40 conversations as for one", async () => {
    const { store, statements } = await countedStore(await newDatabase());
    const conversations = upTo(40).map((index) => `g${index}`);
    for (const conversationId of conversations) await groupOf(store, conversationId, 3);
    const one = await statements(() => store.messages.append([draft()]));
    // isolation, begin, lock; messages, keys, senders; numbers, log, conversations; commit
    expect(one).toBe(10);
    const many = await statements(async () => {
      const drafts = upTo(400).map((index) =>
        draft({ conversationId: conversations[index % 40]!, senderId: "u1" }),
      );
      const outcomes = await Promise.all(drafts.map((each) => store.messages.append([each])));
      expect(new Set(outcomes.flat().map(result))).toEqual(new Set(["stored"]));
    });
    expect(many).toBe(10);
    await store.close();
  });

  it("takes as many statements whatever the number of members", async () => {
    const { store, statements } = await countedStore(await newDatabase());
    const { conversations } = store;
    const counts = async (conversationId: string, members: number): Promise<number[]> => {
      const all = upTo(members).map((index) => `u${index}`);
      const all100 = all.slice(0, 100);
      return [
        await statements(() => groupOf(store, conversationId, members)),
        await statements(() => store.messages.append([draft({ conversationId, senderId: "u1" })])),
        await statements(() => conversations.rows(conversationId, all)),
        await statements(() => conversations.roles(conversationId, all)),
        await statements(() => conversations.members(conversationId, { limit: 100 })),
        await statements(() => conversations.users(all100)),
        await statements(() => conversations.list("u1", { limit: 100 })),
        await statements(() => conversations.firstInLine(conversationId, all100)),
      ];
    };
    await counts("warm", 2);
    const small = await counts("small", 2);
    expect(small).toEqual([1 + 12, 10, 1, 1, 1, 1, 1, 1]);
    expect(await counts("large", 10_000)).toEqual(small);
    await store.close();
  });

  it("keeps to packets of the smallest size that is taken, however much waits", async () => {
    const database = await newDatabase();
    const { store } = await countedStore(database);
    // Three bytes a character, as large as the texts of one commit may be together.
    const text = "☃".repeat(100_000);
    const outcomes = await store.messages.append(upTo(40).map(() => draft({ text })));
    expect(new Set(outcomes.map(result))).toEqual(new Set(["stored"]));
    const [entry] = await store.messages.read({
      ...{
        conversationId: "c",
        after: 40,
        before: Infinity,
        order: "ascending",
        limit: 1,
        maxBytes: Infinity,
      },
    } as const);
    expect(entry?.text).toBe(text);
    await store.close();
  });

  it("gives out no change number while one that was given out before is not yet seen", async () => {
    const database = await newDatabase();
    const pool = database.pool();
    const store = await openMysql(pool);
    await groupOf(store, "d", 1);
    const position = await store.conversations.position();
    // Another server, between its last statement and its commit.
    const other = await pool.getConnection();
    await other.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    await other.query("START TRANSACTION");
    await other.query("UPDATE chat_store SET last_change = last_change + 1");
    await other.query(
      "UPDATE chat_conversation SET changed = (SELECT last_change FROM chat_store) WHERE id = 'd'",
    );
    let isStored = false;
    const appended = store.messages.append([draft()]).then((outcomes) => {
      isStored = true;
      return outcomes.map(result);
    });
    const waiting = "SELECT id FROM information_schema.processlist WHERE info LIKE ? AND id <> ? AND db = ?";
    for (;;) {
      const [rows] = await pool.query<RowDataPacket[]>(waiting, [
        "UPDATE chat_store%",
        other.threadId,
        database.name,
      ]);
      if (rows.length === 1) break;
    }
    expect(await store.conversations.position()).toBe(position);
    expect(isStored).toBe(false);
    await other.query("COMMIT");
    other.release();
    expect(await appended).toEqual(["stored"]);
    const { conversations } = await store.conversations.changes({ limit: 9, cursor: position });
    expect(conversations.map(({ conversationId }) => conversationId)).toEqual(["d", "c"]);
    await store.close();
  });

  it("prepares each statement once per connection", async () => {
    const database = await newDatabase();
    const pool = database.pool({ connectionLimit: 1 });
    const store = await openMysql(pool);
    const prepared = async (): Promise<number> => {
      const [rows] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'");
      return Number(rows[0]!["Value"]);
    };
    await store.messages.append([draft()]);
    const before = await prepared();
    for (const _ of upTo(5)) await store.messages.append([draft()]);
    expect(await prepared()).toBe(before);
    await store.close();
  });
});
