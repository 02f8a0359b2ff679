import type { Runtime } from "@chat/protocol";
import { mysql } from "@chat/server/mysql";
import {
  createConnection,
  createPool,
  type Pool,
  type PoolOptions,
  type RowDataPacket,
} from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { StoredEntry } from "../../src/store/stored-entry.js";
import { hasMysql, isMariaDb, MysqlServer } from "../engines/start-mysql.js";
import { hastyRuntime } from "./hasty-runtime.js";
import { heard, insist, pause } from "./insist.js";
import { openMysql } from "./mysql-drafts.js";
import { createConversation, draft, logIds, result, runtime, upTo, uuid } from "./sqlite-drafts.js";
import { watchedMysql } from "./watched-mysql.js";

describe.skipIf(!hasMysql)("MySQL store, when MySQL fails", () => {
  let server: MysqlServer;
  let database = 0;

  beforeAll(async () => {
    server = await MysqlServer.create(["log-bin", "sync_binlog=1", "server_id=7"]);
  }, 60_000);
  afterAll(() => server.dispose());

  /** A pool on a database of its own. */
  async function newPool(options: PoolOptions = {}): Promise<Pool> {
    const admin = await createConnection(server.url);
    await admin.query(`CREATE DATABASE test_${++database}`);
    await admin.end();
    return poolOf(urlOf(), options);
  }

  /** The newest of these databases. */
  function urlOf(user = "root"): string {
    const url = new URL(server.url);
    url.username = user;
    url.pathname = `test_${database}`;
    return url.href;
  }

  function poolOf(uri: string, options: PoolOptions = {}): Pool {
    const pool = createPool({ uri, connectionLimit: 4, ...options });
    onTestFinished(() => pool.end());
    return pool;
  }

  it("loses and doubles nothing that was acknowledged when it crashes during appends, twice", async () => {
    const { runtime: listening, events } = heard();
    const store = await openMysql(await newPool(), { runtime: listening });
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
    expect(events).toEqual(["mysql_away", "mysql_back", "mysql_away", "mysql_back"]);
    await store.close();
  });

  it("waits for one that is away when it is opened", async () => {
    const pool = await newPool();
    await server.crash();
    const { runtime: listening, events } = heard();
    const opened = openMysql(pool, { runtime: listening });
    while (events.length === 0) await pause(5);
    await server.start();
    const store = await opened;
    expect(events).toEqual(["mysql_away", "mysql_back"]);
    await store.close();
  });

  it.each([/chat_store s WHERE s.id = 1 FOR UPDATE$/, /^COMMIT/, /epoch/])(
    "goes on by itself when connections are lost while it is opened, at %s",
    async (statement) => {
      let cuts = 3;
      const pool = watchedMysql(await newPool(), (sql, { connection }) => {
        if (statement.test(sql) && cuts-- > 0)
          setImmediate(() => (connection as unknown as Socketed).stream.destroy());
      });
      const { runtime: listening, events } = heard();
      const store = await openMysql(pool, { runtime: listening });
      expect(cuts).toBeLessThan(0);
      expect(events).toEqual(["mysql_away", "mysql_back"]);
      await store.close();
    },
  );

  it("says at last that it is away, in a sentence for the operator", async () => {
    const nowhere = createPool({ uri: "mysql://root@127.0.0.1:1/none" });
    await expect(mysql(nowhere).open({ runtime: hastyRuntime(), groupMembers: 9 })).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(/can't be reached/) as string,
    });
    await nowhere.end();
  });

  it("refuses positions of a history that a failover has lost, without being opened again", async () => {
    const pool = await newPool();
    const store = await openMysql(pool);
    const kept = await store.conversations.position();
    await server.crash();
    server.keep();
    await server.start();
    for (const _ of upTo(5)) await insist(store);
    const lost = await store.conversations.position();
    const { boot } = await store.conversations.changes({ limit: 5, cursor: lost });
    const { cursor: lostList } = await store.conversations.list("ana", { limit: 5 });
    // Runs that began within 2.5 s of each other may be taken for one.
    await pause(3_000);
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
  });

  it("stores once what was sent again after the connection was lost during the commit", async () => {
    let cuts = 0;
    const pool = watchedMysql(await newPool(), (sql, { connection }) => {
      if (/^COMMIT/.test(sql) && cuts-- > 0)
        setImmediate(() => (connection as unknown as Socketed).stream.destroy());
    });
    const store = await openMysql(pool);
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
    const admin = poolOf(server.url);
    let kills = 0;
    const pool = watchedMysql(await newPool(), async (sql, { threadId }) => {
      if (/FOR UPDATE$/.test(sql) && kills-- > 0) await admin.query(`KILL CONNECTION ${threadId}`);
    });
    const { runtime: listening, events } = heard();
    const store = await openMysql(pool, { runtime: listening });
    kills = 1;
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    kills = 2;
    expect((await store.messages.append([draft()])).map(result)).toEqual(["store_unavailable"]);
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect(events).toEqual(["mysql_away", "mysql_back"]);
    await store.close();
  });

  it("tries again when MySQL ends a deadlock with somebody else's transaction", async () => {
    const pool = await newPool();
    const store = await openMysql(pool);
    await store.conversations.reserve({ conversationId: "d", type: "group", creatorId: "ana", createdAt: 1 });
    const outsider = await pool.getConnection();
    // It has written much; so the store's transaction is the one that is ended.
    await outsider.query("CREATE TABLE ballast (i INT)");
    await outsider.query("START TRANSACTION");
    await outsider.query(
      `INSERT INTO ballast VALUES ${upTo(500)
        .map((i) => `(${i})`)
        .join()}`,
    );
    const lock =
      "SELECT pk FROM chat_conversation FORCE INDEX (chat_conversation_id) WHERE id = ? FOR UPDATE";
    await outsider.query(lock, ["d"]);
    const appended = store.messages.append([
      draft(),
      draft({ conversationId: "d", membershipVersion: 0, countsAsUnread: false }),
    ]);
    const waiting =
      "SELECT id FROM information_schema.processlist WHERE info LIKE '%FOR UPDATE' AND db = DATABASE()";
    while ((await pool.query<RowDataPacket[]>(waiting))[0].length === 0) await pause(10);
    const before = await deadlocks(pool);
    await outsider.query(lock, ["c"]);
    expect(await deadlocks(pool)).toBe(before + 1);
    await outsider.query("COMMIT");
    outsider.destroy();
    expect((await appended).map(result)).toEqual(["stored", "stored"]);
    await store.close();
  });

  it("lets servers make conversations at once, of which none is in another's way", async () => {
    const pool = await newPool({ connectionLimit: 8 });
    const stores = [await openMysql(pool), mysql(poolOf(urlOf(), { connectionLimit: 8 }))];
    await stores[1]!.open({ runtime, groupMembers: 100 });
    const before = await deadlocks(pool);
    for (const round of upTo(10)) {
      const reserved = await Promise.all(
        upTo(60).map((index) =>
          stores[index % 2]!.conversations.reserve({
            ...{ conversationId: uuid(), creatorId: "ana", createdAt: 1 },
            ...(index > 30
              ? { type: "direct", pair: ["ana", `u${round} ${index % 10}`] as const }
              : { type: "group" }),
          }),
        ),
      );
      expect(reserved.filter((one) => one.reserved).length).toBe(30 + 10);
    }
    expect(await deadlocks(pool)).toBe(before);
    for (const store of stores) await store.close();
  });

  it("says that somebody holds a lock for long, and is not away for that", async () => {
    const pool = await newPool();
    const { runtime: listening, events } = heard();
    const store = await openMysql(pool, { runtime: listening });
    await Promise.all(upTo(4).map(() => pool.query("SET SESSION innodb_lock_wait_timeout = 1")));
    const holding = await createConnection(urlOf());
    await holding.query("START TRANSACTION");
    await holding.query("SELECT pk FROM chat_conversation WHERE id = 'c' FOR UPDATE");
    const [first] = await store.messages.append([draft()]);
    expect(first).toMatchObject({ error: { message: expect.stringMatching(/locked rows/) as string } });
    await holding.query("ROLLBACK");
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect(events).toEqual([]);
    await holding.end();
    await store.close();
  });

  it("gives up a server that does not answer, and goes on when it does", async () => {
    const { clock } = runtime;
    const impatient: Runtime = {
      ...runtime,
      clock: {
        ...clock,
        schedule: (delay, callback) => clock.schedule(delay >= 15_000 ? 500 : delay, callback),
      },
    };
    let isStopping = false;
    const pool = watchedMysql(await newPool({ connectionLimit: 2 }), (sql) => {
      if (isStopping && /FOR UPDATE$/.test(sql)) server.signal("SIGSTOP");
    });
    const store = await openMysql(pool, { runtime: impatient });
    const sent = draft();
    isStopping = true;
    const [refused] = await store.messages.append([sent]);
    isStopping = false;
    server.signal("SIGCONT");
    expect(refused).toMatchObject({ error: { message: expect.stringMatching(/did not answer/) as string } });
    expect((await insist(store, sent)).messageId).toBe(2);
    await store.close();
  });

  it("refuses a server that takes no writes, and says so when it happens later", async () => {
    const pool = await newPool();
    const store = await openMysql(pool);
    const admin = poolOf(server.url);
    await admin.query("CREATE USER other");
    await admin.query("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON *.* TO other");
    const other = mysql(poolOf(urlOf("other")));
    await other.open({ runtime, groupMembers: 9 });
    await admin.query("SET GLOBAL read_only = 1");
    try {
      expect(await other.messages.append([draft()])).toMatchObject([
        { error: { code: "store_unavailable", message: expect.stringMatching(/takes no writes/) as string } },
      ]);
      const late = mysql(poolOf(urlOf("other")));
      await expect(late.open({ runtime: hastyRuntime(), groupMembers: 9 })).rejects.toMatchObject({
        message: expect.stringMatching(/read-only/) as string,
      });
    } finally {
      await admin.query("SET GLOBAL read_only = 0");
    }
    expect((await other.messages.append([draft()])).map(result)).toEqual(["stored"]);
    await other.close();
    await store.close();
  });

  it.each<readonly [string, RegExp]>([
    ["innodb_flush_log_at_trx_commit=2", /^innodb_flush_log_at_trx_commit is 2.*allowVolatile/],
    ["sync_binlog=0", /^sync_binlog is 0/],
    ["skip-innodb-doublewrite", /^innodb_doublewrite is OFF/],
    // MySQL alone has it: torn pages are found, and lost.
    ...(isMariaDb ? [] : [["innodb_doublewrite=DETECT_ONLY", /^innodb_doublewrite is DETECT_ONLY/] as const]),
  ])(
    "refuses a server with %s, unless told",
    async (setting, sentence) => {
      const careless = await MysqlServer.create(["log-bin", "sync_binlog=1", setting]);
      onTestFinished(() => careless.dispose());
      const pool = createPool({ uri: careless.url });
      const options = { runtime, groupMembers: 9 };
      await expect(mysql(pool).open(options)).rejects.toMatchObject({
        code: "store_unavailable",
        message: expect.stringMatching(sentence) as string,
      });
      const store = mysql(pool, { allowVolatile: true });
      await store.open(options);
      await createConversation(store);
      await store.close();
      await pool.end();
    },
    60_000,
  );
});

async function deadlocks(pool: Pool): Promise<number> {
  const [rows] = await pool.query<RowDataPacket[]>(
    "SELECT count AS deadlocks FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'",
  );
  return Number(rows[0]!["deadlocks"]);
}

/** Where mysql2 keeps the socket of a connection. */
interface Socketed {
  readonly stream: { destroy(): void };
}
