import { postgres } from "@chat/server/postgres";
import type { Pool, PoolClient } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import { isUp } from "../engines/engine-urls.js";
import { openPostgres } from "./postgres-drafts.js";
import { PostgresSchema } from "./postgres-schema.js";
import { draft, result, runtime, upTo } from "./sqlite-drafts.js";

/** Counts what a pool's clients are asked, BEGIN and COMMIT included. */
class Statements {
  readonly texts: string[] = [];

  constructor(pool: Pool) {
    pool.on("connect", (client: PoolClient) => {
      const query = client.query.bind(client) as (config: { text: string }) => Promise<unknown>;
      Object.assign(client, {
        query: (config: { text: string }) => {
          this.texts.push(config.text);
          return query(config);
        },
      });
    });
  }

  async of(work: () => Promise<unknown>): Promise<number> {
    const before = this.texts.length;
    await work();
    return this.texts.length - before;
  }
}

async function newSchema(): Promise<PostgresSchema> {
  const schema = await PostgresSchema.create();
  onTestFinished(() => schema.dispose());
  return schema;
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

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store, statement by statement", () => {
  it("takes as many statements for 400 messages into 40 conversations as for one", async () => {
    const schema = await newSchema();
    const pool = schema.pool({ max: 2 });
    const statements = new Statements(pool);
    const store = await openPostgres(pool);
    const conversations = upTo(40).map((index) => `g${index}`);
    for (const conversationId of conversations) await groupOf(store, conversationId, 3);
    const one = await statements.of(() => store.messages.append([draft()]));
    // begin, lock, look keys up, insert, number and move on, commit
    expect(one).toBe(6);
    const many = await statements.of(async () => {
      const drafts = upTo(400).map((index) =>
        draft({ conversationId: conversations[index % 40]!, senderId: "u1" }),
      );
      const outcomes = await Promise.all(drafts.map((each) => store.messages.append([each])));
      expect(new Set(outcomes.flat().map(result))).toEqual(new Set(["stored"]));
    });
    expect(many).toBe(6);
    await store.close();
  });

  it("takes as many statements whatever the number of members", async () => {
    const schema = await newSchema();
    const pool = schema.pool({ max: 2 });
    const statements = new Statements(pool);
    const store = await openPostgres(pool);
    const { conversations } = store;
    const counts = async (conversationId: string, members: number): Promise<number[]> => {
      const all = upTo(members).map((index) => `u${index}`);
      const all100 = all.slice(0, 100);
      return [
        await statements.of(() => groupOf(store, conversationId, members)),
        await statements.of(() => store.messages.append([draft({ conversationId, senderId: "u1" })])),
        await statements.of(() => conversations.rows(conversationId, all)),
        await statements.of(() => conversations.roles(conversationId, all)),
        await statements.of(() => conversations.members(conversationId, { limit: 100 })),
        await statements.of(() => conversations.users(all100)),
        await statements.of(() => conversations.list("u1", { limit: 100 })),
        await statements.of(() => conversations.firstInLine(conversationId, all100)),
      ];
    };
    await counts("warm", 2);
    const small = await counts("small", 2);
    expect(small).toEqual([1 + 9, 6, 1, 1, 1, 1, 1, 1]);
    expect(await counts("large", 10_000)).toEqual(small);
    await store.close();
  });

  it("gives out no change number while one that was given out before is not yet seen", async () => {
    const schema = await newSchema();
    const pool = schema.pool();
    const store = await openPostgres(pool);
    await groupOf(store, "d", 1);
    const position = await store.conversations.position();
    // Another server, between its last statement and its commit.
    const other = await pool.connect();
    await other.query("BEGIN; SELECT FROM chat_store FOR NO KEY UPDATE");
    await other.query("UPDATE chat_conversation SET change = nextval('chat_change') WHERE id = 'd'");
    let isStored = false;
    const appended = store.messages.append([draft()]).then((outcomes) => {
      isStored = true;
      return outcomes.map(result);
    });
    const waiting = `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query LIKE '%chat_change%' AND $1 = ANY(pg_blocking_pids(pid))`;
    const { processID } = other as unknown as { readonly processID: number };
    for (;;) {
      const { rows } = await pool.query<{ count: number }>(waiting, [processID]);
      if (rows[0]!.count === 1) break;
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

  it("prepares each statement once per connection, unless told not to", async () => {
    const schema = await newSchema();
    const prepared = schema.pool({ max: 1 });
    const store = await openPostgres(prepared);
    for (const _ of upTo(3)) await store.messages.append([draft()]);
    const count = "SELECT count(*)::int AS count, max(generic_plans + custom_plans)::int AS used";
    const sql = `${count} FROM pg_prepared_statements WHERE name = 'chat_lock'`;
    expect((await prepared.query(sql)).rows).toEqual([{ count: 1, used: 4 }]);
    await store.close();
    const plain = schema.pool({ max: 1 });
    const other = postgres(plain, { prepare: false });
    await other.open({ runtime, groupMembers: 100 });
    expect((await other.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect((await plain.query("SELECT name FROM pg_prepared_statements")).rows).toEqual([]);
    await other.close();
  });

  it("reads its columns as numbers and bytes, whatever parsers the application has set", async () => {
    const schema = await newSchema();
    const store = await openPostgres(
      schema.pool({ types: { getTypeParser: () => (value: string) => `the application's ${value}` } }),
    );
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect((await store.conversations.row("ana", "c"))?.head).toBe(2);
    await store.close();
  });

  it("refuses a text that PostgreSQL can't keep, and stores what came with it", async () => {
    const schema = await newSchema();
    const store = await openPostgres(schema.pool());
    await groupOf(store, "d", 1);
    const update = { name: "a\0b" };
    const renamed = draft({ conversationId: "d", senderId: "u1", kind: "updated", data: update, update });
    const outcomes = await Promise.all([
      store.messages.append([draft()]),
      store.messages.append([renamed]),
      store.messages.append([draft()]),
    ]);
    expect(outcomes.flat().map(result)).toEqual(["stored", "data_invalid", "stored"]);
    await expect(store.conversations.setUser({ userId: "ana", name: "\0" })).rejects.toMatchObject({
      code: "data_invalid",
    });
    await store.close();
  });
});
