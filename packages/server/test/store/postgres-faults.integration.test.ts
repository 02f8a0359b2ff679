import type { Runtime } from "@chat/protocol";
import { migratePostgres, postgres } from "@chat/server/postgres";
import { Pool, type PoolClient } from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { StoredEntry } from "../../src/store/stored-entry.js";
import { hasPostgres, PostgresServer } from "../engines/start-postgres.js";
import { heard, insist, pause } from "./insist.js";
import { openPostgres } from "./postgres-drafts.js";
import { createConversation, draft, logIds, result, runtime, upTo, uuid } from "./sqlite-drafts.js";

/** Has a pool's clients call back before they send a statement whose text matches. */
function beforeStatement(pool: Pool, pattern: RegExp, act: (client: PoolClient) => unknown): void {
  pool.on("connect", (client: PoolClient) => {
    const query = client.query.bind(client) as (config: { text: string }) => Promise<unknown>;
    const intercepted = async (config: { text: string }): Promise<unknown> => {
      if (pattern.test(config.text)) await act(client);
      return query(config);
    };
    Object.assign(client, { query: intercepted });
  });
}

describe.skipIf(!hasPostgres)("PostgreSQL store, when PostgreSQL fails", () => {
  let server: PostgresServer;
  let database = 0;

  beforeAll(async () => {
    server = await PostgresServer.create();
  });
  afterAll(() => server.dispose());

  /** A pool on a database of its own. */
  async function newPool(config: { readonly max?: number } = {}): Promise<Pool> {
    const admin = new Pool({ connectionString: server.url, max: 1 });
    const name = `test_${++database}`;
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    return poolOn(name, config);
  }

  function poolOn(name: string, config: { readonly max?: number } = {}): Pool {
    const url = new URL(server.url);
    url.pathname = name;
    const pool = new Pool({ connectionString: url.href, max: 4, ...config });
    onTestFinished(() => pool.end());
    return pool;
  }

  it("loses and doubles nothing that was acknowledged when it crashes during appends, twice", async () => {
    const { runtime: listening, events } = heard();
    const store = await openPostgres(await newPool(), { runtime: listening });
    const acknowledged: StoredEntry[] = [];
    let writing = true;
    const writers = upTo(8).map(async () => {
      const deviceId = uuid();
      while (writing) acknowledged.push(await insist(store, { deviceId }));
    });
    for (const _ of upTo(2)) {
      const before = acknowledged.length;
      while (acknowledged.length < before + 200) await pause(5);
      await server.crash();
      const during = acknowledged.length;
      await pause(200);
      expect(acknowledged.length).toBe(during);
      await server.start();
      while (acknowledged.length < during + 100) await pause(5);
    }
    writing = false;
    await Promise.all(writers);
    expect(await logIds(store)).toEqual(upTo(acknowledged.length + 1));
    expect(new Set(acknowledged.map(({ messageId }) => messageId)).size).toBe(acknowledged.length);
    for (const entry of acknowledged.slice(-20)) expect(await store.messages.find(entry)).toEqual(entry);
    expect(events).toEqual(["postgres_away", "postgres_back", "postgres_away", "postgres_back"]);
    await store.close();
  });

  it("waits for one that is away when it is opened", async () => {
    const pool = await newPool();
    await server.crash();
    const { runtime: listening, events } = heard();
    const opened = openPostgres(pool, { runtime: listening });
    while (events.length === 0) await pause(5);
    await server.start();
    const store = await opened;
    expect(events).toEqual(["postgres_away", "postgres_back"]);
    await store.close();
  });

  it.each([/^SELECT FROM chat_store FOR NO KEY UPDATE$/, /^COMMIT/, /epoch/])(
    "goes on by itself when connections are lost while it is opened, at %s",
    async (statement) => {
      const pool = await newPool();
      let cuts = 0;
      beforeStatement(pool, statement, (client) => {
        if (cuts-- > 0) setImmediate(() => (client as unknown as Socketed).connection.stream.destroy());
      });
      await migratePostgres(pool);
      cuts = 3;
      const { runtime: listening, events } = heard();
      const store = await openPostgres(pool, { runtime: listening });
      expect(cuts).toBeLessThan(0);
      expect(events).toEqual(["postgres_away", "postgres_back"]);
      await store.close();
    },
  );

  it("says at last that it is away, in a sentence for the operator", async () => {
    const nowhere = new Pool({ connectionString: "postgres://postgres@127.0.0.1:1/none" });
    let passed = 0;
    const { clock } = runtime;
    const quick: Runtime = {
      ...runtime,
      clock: {
        ...clock,
        monotonic: () => passed,
        schedule(delay, callback) {
          if (delay <= 250) passed += delay;
          return clock.schedule(delay <= 250 ? 0 : delay, callback);
        },
      },
    };
    await expect(postgres(nowhere).open({ runtime: quick, groupMembers: 9 })).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(/can't be reached/) as string,
    });
    expect(passed).toBeGreaterThanOrEqual(10_000);
    await nowhere.end();
  });

  // Twice the engine recovers from a crash, which takes a busy machine long.
  it(
    "refuses positions of a history that a failover has lost, without being opened again",
    { timeout: 120_000 },
    async () => {
      const pool = await newPool();
      const store = await openPostgres(pool);
      const kept = await store.conversations.position();
      await server.crash();
      server.keep();
      await server.start();
      for (const _ of upTo(5)) await insist(store);
      const lost = await store.conversations.position();
      const { boot } = await store.conversations.changes({ limit: 5, cursor: lost });
      const { cursor: lostList } = await store.conversations.list("ana", { limit: 5 });
      await server.crash();
      server.goBack();
      await server.start();
      // The new history passes the number of the lost one before anybody asks.
      for (const _ of upTo(9)) await insist(store);
      for (const cursor of [lost, lostList]) {
        const refusal = { code: "cursor_invalid" };
        await expect(store.conversations.changes({ limit: 5, cursor })).rejects.toMatchObject(refusal);
        await expect(store.conversations.listChanges("ana", { limit: 5, cursor })).rejects.toMatchObject(
          refusal,
        );
      }
      const now = await store.conversations.changes({ limit: 5, cursor: kept });
      expect(now.conversations).toMatchObject([{ conversationId: "c", head: 10 }]);
      expect(now.boot).not.toBe(boot);
      await store.close();
    },
  );

  it("stores once what was sent again after the connection was lost during the commit", async () => {
    const pool = await newPool();
    let cuts = 0;
    beforeStatement(pool, /^COMMIT/, (client) => {
      if (cuts-- > 0) setImmediate(() => (client as unknown as Socketed).connection.stream.destroy());
    });
    const store = await openPostgres(pool);
    for (const index of upTo(10)) {
      const sent = draft();
      cuts = 1;
      expect((await store.messages.append([sent])).map(result)).toEqual(["store_unavailable"]);
      cuts = 0;
      const [again] = await store.messages.append([sent]);
      expect(["stored", "duplicate"]).toContain(result(again));
      expect(again).toMatchObject({ entry: { messageId: index + 1 } });
    }
    expect(await logIds(store)).toEqual(upTo(11));
    await store.close();
  });

  it("goes on by itself when the connection is lost before the commit", async () => {
    const pool = await newPool();
    const admin = new Pool({ connectionString: server.url, max: 1 });
    onTestFinished(() => admin.end());
    let kills = 0;
    beforeStatement(pool, /FOR NO KEY UPDATE$/, async (client) => {
      if (kills-- <= 0) return;
      const { processID } = client as unknown as { readonly processID: number };
      await admin.query("SELECT pg_terminate_backend($1, 5000)", [processID]);
    });
    const { runtime: listening, events } = heard();
    const store = await openPostgres(pool, { runtime: listening });
    kills = 1;
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    kills = 2;
    expect((await store.messages.append([draft()])).map(result)).toEqual(["store_unavailable"]);
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect(events).toEqual(["postgres_away", "postgres_back"]);
    await store.close();
  });

  it("gives no connection back with a transaction open on it when a commit or a start is refused", async () => {
    const pool = await newPool({ max: 1 });
    let isRefusing = false;
    beforeStatement(pool, /INSERT INTO chat_boot|^COMMIT$/, (client) =>
      isRefusing ? client.query("SELECT 1 / 0") : undefined,
    );
    const answersTheApplication = async (): Promise<unknown[]> => {
      const client = await pool.connect();
      try {
        return (await client.query("SELECT 1 AS one")).rows as unknown[];
      } finally {
        client.release();
      }
    };
    const store = await openPostgres(pool);
    isRefusing = true;
    const [outcome] = await store.messages.append([draft({ text: "hello" })]);
    expect(outcome).toMatchObject({ status: "refused", error: { code: "store_unavailable" } });
    expect(await answersTheApplication()).toEqual([{ one: 1 }]);
    const second = postgres(pool).open({ runtime, groupMembers: 9 });
    await expect(second).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await answersTheApplication()).toEqual([{ one: 1 }]);
    isRefusing = false;
    expect(await store.messages.append([draft({ text: "again" })])).toMatchObject([{ status: "stored" }]);
    await store.close();
  });

  it("tries again when PostgreSQL ends a deadlock with somebody else's transaction", async () => {
    const pool = await newPool();
    const store = await openPostgres(pool);
    await store.conversations.reserve({ conversationId: "d", type: "group", creatorId: "ana", createdAt: 1 });
    const outsider = await pool.connect();
    // It waits for ever; so the store's transaction is the one that is ended.
    await outsider.query("SET deadlock_timeout = '1h'; BEGIN");
    await outsider.query("SELECT FROM chat_conversation WHERE id = 'd' FOR UPDATE");
    const appended = store.messages.append([
      draft(),
      draft({ conversationId: "d", membershipVersion: 0, countsAsUnread: false }),
    ]);
    const waiting = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while ((await pool.query<{ count: number }>(waiting)).rows[0]!.count === 0) await pause(10);
    await outsider.query("SELECT FROM chat_conversation WHERE id = 'c' FOR UPDATE");
    await outsider.query("COMMIT");
    outsider.release(true);
    expect((await appended).map(result)).toEqual(["stored", "stored"]);
    await store.close();
  });

  it("gives up a server that does not answer, and goes on when it does", async () => {
    const pool = await newPool({ max: 2 });
    const { clock } = runtime;
    const impatient: Runtime = {
      ...runtime,
      clock: {
        ...clock,
        schedule: (delay, callback) => clock.schedule(delay >= 15_000 ? 500 : delay, callback),
      },
    };
    const stopped: number[] = [];
    let isStopping = false;
    beforeStatement(pool, /FOR NO KEY UPDATE$/, (client) => {
      if (!isStopping) return;
      const { processID } = client as unknown as { readonly processID: number };
      process.kill(processID, "SIGSTOP");
      stopped.push(processID);
    });
    const store = await openPostgres(pool, { runtime: impatient });
    const sent = draft();
    isStopping = true;
    const [refused] = await store.messages.append([sent]);
    isStopping = false;
    for (const processID of stopped) process.kill(processID, "SIGCONT");
    expect(stopped.length).toBe(1);
    expect(refused).toMatchObject({
      error: { message: expect.stringMatching(/did not answer/) as string },
    });
    expect((await insist(store, sent)).messageId).toBe(2);
    await store.close();
  });

  it("refuses a server that is set to lose what it has committed, unless told", async () => {
    const careless = await PostgresServer.create(["fsync=off"]);
    onTestFinished(() => careless.dispose());
    const pool = new Pool({ connectionString: careless.url });
    const options = { runtime, groupMembers: 9 };
    await expect(postgres(pool).open(options)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(/^fsync is off/) as string,
    });
    const store = postgres(pool, { allowVolatile: true });
    await store.open(options);
    await createConversation(store);
    await store.close();
    await pool.end();
  });
});

/** Where pg keeps the socket of a client. */
interface Socketed {
  readonly connection: { readonly stream: { destroy(): void } };
}
