import { postgres } from "@chat/server/postgres";
import type { Pool, PoolClient } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ChatStore } from "../../src/store/chat-store.js";
import type { Draft } from "../../src/store/message-store.js";
import { hexOf } from "../../src/store/sql/hex-of.js";
import { idBytes } from "../../src/store/sql/id-bytes.js";
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

/** A store that counts what its connections are asked. */
async function countedStore() {
  const schema = await newSchema();
  const pool = schema.pool({ max: 2 });
  const statements = new Statements(pool);
  return { schema, statements, store: await openPostgres(pool) };
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

/** Resolves once somebody waits for what a connection has locked. */
async function waitsFor(schema: PostgresSchema, other: PoolClient): Promise<void> {
  const { processID } = other as unknown as { readonly processID: number };
  const waiting = `SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND $1 = ANY(pg_blocking_pids(pid))`;
  const pool = schema.pool({ max: 1 });
  for (;;) {
    const { rows } = await pool.query<{ count: number }>(waiting, [processID]);
    if (rows[0]!.count === 1) return;
  }
}

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store, statement by statement", () => {
  it("takes as many statements for 400 messages into 40 conversations as for one", async () => {
    const { store, statements } = await countedStore();
    const conversations = upTo(40).map((index) => `g${index}`);
    for (const conversationId of conversations) await groupOf(store, conversationId, 3);
    const one = await statements.of(() => store.messages.append([draft()]));
    // begin, lock, store and move on, commit
    expect(one).toBe(4);
    const many = await statements.of(async () => {
      const drafts = upTo(400).map((index) =>
        draft({ conversationId: conversations[index % 40]!, senderId: "u1" }),
      );
      const outcomes = await Promise.all(drafts.map((each) => store.messages.append([each])));
      expect(new Set(outcomes.flat().map(result))).toEqual(new Set(["stored"]));
    });
    expect(many).toBe(4);
    await store.close();
  });

  it("takes as many statements whatever the number of members", async () => {
    const { store, statements } = await countedStore();
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
    expect(small).toEqual([1 + 7, 4, 1, 1, 1, 1, 1, 1]);
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
    await waitsFor(schema, other);
    expect(await store.conversations.position()).toBe(position);
    expect(isStored).toBe(false);
    await other.query("COMMIT");
    other.release();
    expect(await appended).toEqual(["stored"]);
    const { conversations } = await store.conversations.changes({ limit: 9, cursor: position });
    expect(conversations.map(({ conversationId }) => conversationId)).toEqual(["d", "c"]);
    await store.close();
  });

  it("looks keys up only where one is taken, or a draft would be refused", async () => {
    const { store, statements } = await countedStore();
    const [first, second] = [draft(), draft()];
    const append = async (drafts: readonly Draft[]): Promise<readonly string[]> =>
      (await store.messages.append(drafts)).map(result);
    expect(await append([first])).toEqual(["stored"]);
    let outcomes: readonly string[] = [];
    const taken = await statements.of(async () => (outcomes = await append([first, second])));
    expect(outcomes).toEqual(["duplicate", "stored"]);
    // begin, lock, try, roll back; begin, lock, look keys up, store and move on, commit
    expect(taken).toBe(9);
    const moved = { ...second, membershipVersion: 7 };
    const refused = await statements.of(
      async () => (outcomes = await append([moved, draft({ membershipVersion: 7 })])),
    );
    expect(outcomes).toEqual(["duplicate", "membership_moved"]);
    // begin, lock, look keys up, commit
    expect(refused).toBe(4);
    await store.close();
  });

  it("stores what came while another server had the conversation locked along with what waited for it", async () => {
    const { schema, store, statements } = await countedStore();
    const other = await schema.pool().connect();
    await other.query("BEGIN; SELECT FROM chat_conversation WHERE id = 'c' FOR NO KEY UPDATE");
    const count = await statements.of(async () => {
      const first = store.messages.append([draft()]);
      await waitsFor(schema, other);
      const update = { name: "renamed" };
      const drafts = upTo(20).map((index) =>
        index === 11 ? draft({ kind: "updated", data: update, update }) : draft(),
      );
      const later = drafts.map((each) => store.messages.append([each]));
      await other.query("COMMIT");
      other.release();
      const outcomes = (await Promise.all([first, ...later])).flat();
      expect(outcomes.map((outcome) => outcome.status === "stored" && outcome.entry.messageId)).toEqual(
        upTo(21).map((index) => index + 1),
      );
    });
    // The new name needs more of the conversation than was locked: begin, lock, the name, store and move on, commit.
    expect(count).toBe(4 + 5);
    await store.close();
  });

  it("holds nobody up while what it stores waits for another transaction", async () => {
    const schema = await newSchema();
    const store = await openPostgres(schema.pool());
    await groupOf(store, "d", 1);
    const blocked = draft();
    const other = await schema.pool().connect();
    // Another server that stores the same and has not committed: nothing that we would do, but the longest wait there is.
    await other.query(
      `BEGIN; INSERT INTO chat_key (conversation, message, sender, device, client_message)
        SELECT key, 99, 'ana', decode('$1', 'hex'), decode('$2', 'hex') FROM chat_conversation WHERE id = 'c'`
        .replace("$1", hexOf(idBytes(blocked.deviceId)))
        .replace("$2", hexOf(idBytes(blocked.clientMessageId))),
    );
    const waiting = store.messages.append([blocked]);
    await waitsFor(schema, other);
    const [elsewhere] = await store.messages.append([draft({ conversationId: "d", senderId: "u1" })]);
    expect(result(elsewhere)).toBe("stored");
    await other.query("ROLLBACK");
    other.release();
    expect((await waiting).map(result)).toEqual(["stored"]);
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
    const { store, statements } = await countedStore();
    await groupOf(store, "d", 1);
    const update = { name: "a\0b" };
    const renamed = draft({ conversationId: "d", senderId: "u1", kind: "updated", data: update, update });
    const count = await statements.of(async () => {
      const drafts = [...upTo(9).map(() => draft()), renamed, draft()];
      const outcomes = await Promise.all(drafts.map((each) => store.messages.append([each])));
      expect(outcomes.flat().map(result)).toEqual([...upTo(9).map(() => "stored"), "data_invalid", "stored"]);
    });
    // All together, the others together, and the one that can't be: begin, lock, what is written, end.
    expect(count).toBe(3 * 4);
    await expect(store.conversations.setUser({ userId: "ana", name: "\0" })).rejects.toMatchObject({
      code: "data_invalid",
    });
    await store.close();
  });
});
