import { migrateMysql, mysql, MYSQL_MIGRATIONS, type MysqlPool } from "@chat/server/mysql";
import type { Pool as CallbackPool } from "mysql2";
import { createPool, type Pool } from "mysql2/promise";
import { createPool as createPool2, type Pool as Pool2 } from "mysql2-2/promise";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { expectBroughtUp, takeOutPrivacy } from "./before-privacy.js";
import { hastyRuntime } from "./hasty-runtime.js";
import { MysqlDatabase } from "./mysql-database.js";
import { openMysql } from "./mysql-drafts.js";
import { draft, logIds, result, runtime, upTo } from "./sqlite-drafts.js";

const OPTIONS = { runtime, groupMembers: 100 };

async function newDatabase(): Promise<MysqlDatabase> {
  const database = await MysqlDatabase.create();
  onTestFinished(() => database.dispose());
  return database;
}

function unavailable(pattern: RegExp) {
  return { code: "store_unavailable", message: expect.stringMatching(pattern) as string };
}

it("takes the pool of mysql2 as it is, of both majors", () => {
  expectTypeOf<Pool>().toExtend<MysqlPool>();
  expectTypeOf<ReturnType<CallbackPool["promise"]>>().toExtend<MysqlPool>();
  expectTypeOf<Pool2>().toExtend<MysqlPool>();
});

describe.skipIf(!(await isUp("mysql")))("MySQL store, opened", () => {
  it("migrates once when ten servers start at the same time", async () => {
    const database = await newDatabase();
    const infos = await Promise.all(
      upTo(10).map(async () => {
        const store = mysql(database.pool({ connectionLimit: 1 }));
        const info = await store.open(OPTIONS);
        await store.close();
        return info;
      }),
    );
    expect(new Set(infos.map(({ epoch }) => epoch)).size).toBe(1);
    const [rows] = await database.pool().query("SELECT schema_version AS version FROM chat_store");
    expect(rows).toEqual([{ version: MYSQL_MIGRATIONS.length }]);
  });

  it("goes on with a migration that ended half-way", async () => {
    const database = await newDatabase();
    const pool = database.pool();
    const [first] = MYSQL_MIGRATIONS;
    for (const statement of first!.slice(0, 5)) await pool.query(statement);
    const store = await openMysql(pool);
    expect(await logIds(store)).toEqual([1]);
    await store.close();
  });

  it.each(MYSQL_MIGRATIONS.map((step, index) => [index + 1, step] as const))(
    "goes on with a migration that ended after the last statement of step %s, and before that was noted",
    async (version) => {
      const database = await newDatabase();
      const pool = database.pool();
      for (const statement of MYSQL_MIGRATIONS.slice(0, version).flat()) await pool.query(statement);
      await pool.query("UPDATE chat_store SET schema_version = ?", [version - 1]);
      await migrateMysql(pool);
      const [rows] = await pool.query("SELECT schema_version AS version FROM chat_store");
      expect(rows).toEqual([{ version: MYSQL_MIGRATIONS.length }]);
    },
  );

  it("refuses a schema of a newer version, and leaves it alone", async () => {
    const database = await newDatabase();
    await migrateMysql(database.pool());
    await database.pool().query("UPDATE chat_store SET schema_version = 99");
    const refusal = unavailable(/schema version 99.*upgrade @chat\/server/);
    await expect(mysql(database.pool()).open(OPTIONS)).rejects.toMatchObject(refusal);
    await expect(migrateMysql(database.pool())).rejects.toMatchObject(refusal);
  });

  it("makes no tables where it was told not to, and says what to run", async () => {
    const database = await newDatabase();
    const store = mysql(database.pool(), { migrate: false });
    await expect(store.open(OPTIONS)).rejects.toMatchObject(unavailable(/run migrateMysql/));
    await migrateMysql(database.pool());
    await migrateMysql(database.pool());
    await store.open(OPTIONS);
    await store.close();
  });

  it("brings up a schema of the version before, with what it holds", async () => {
    const database = await newDatabase();
    const pool = database.pool();
    const before = await openMysql(pool);
    await before.messages.append([draft()]);
    await before.close();
    await takeOutPrivacy((sql) => pool.query(sql));
    await pool.query("DROP TABLE chat_announcement");
    await pool.query("UPDATE chat_store SET schema_version = 2");
    const after = mysql(database.pool());
    await after.open(OPTIONS);
    await expectBroughtUp(after);
    await after.close();
  });

  it("takes a schema that was made from the published SQL by hand", async () => {
    const database = await newDatabase();
    const pool = database.pool();
    for (const statement of MYSQL_MIGRATIONS.flat()) await pool.query(statement);
    await pool.query("UPDATE chat_store SET schema_version = ?", [MYSQL_MIGRATIONS.length]);
    const store = await openMysql(pool, { migrate: false });
    await store.close();
  });

  it("needs no more than to read and write its tables once they are there", async () => {
    const database = await newDatabase();
    const admin = database.pool();
    await migrateMysql(admin);
    const user = database.name.slice(0, 32);
    await admin.query(`CREATE USER ${user}`);
    await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${database.name}.* TO ${user}`);
    const store = await openMysql(database.pool({}, user));
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    await store.close();
    await admin.query(`REVOKE INSERT ON ${database.name}.* FROM ${user}`);
    const other = mysql(database.pool({}, user), { migrate: false });
    await expect(other.open(OPTIONS)).rejects.toMatchObject(unavailable(/user may not/));
    await admin.query(`DROP USER ${user}`);
  }, 60_000);

  it.each([
    [
      "an isolation that reads what is not committed",
      "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
      /READ-COMMITTED/,
    ],
    ["a mode that cuts what does not fit", "SET SESSION sql_mode = ''", /not strict/],
    ["sessions that do not commit by themselves", "SET SESSION autocommit = 0", /autocommit is off/],
    ["another character set", "SET NAMES latin1", /charset: "utf8mb4"/],
  ])("refuses %s", async (_, statement, sentence) => {
    const database = await newDatabase();
    const pool = database.pool({ connectionLimit: 1 });
    await pool.query(statement);
    await expect(mysql(pool).open(OPTIONS)).rejects.toMatchObject(unavailable(sentence));
  });

  it("keeps ids apart that differ in case or in a space at the end", async () => {
    const database = await newDatabase();
    const store = await openMysql(database.pool());
    const names = ["ana", "Ana", "ana ", "aná"];
    for (const userId of names) await store.conversations.setUser({ userId, name: `${userId}!` });
    const found = await store.conversations.users(names);
    expect(found.map(({ userId, name }) => [userId, name]).sort()).toEqual(
      names.map((name) => [name, `${name}!`]).sort(),
    );
    for (const conversationId of ["d", "D", "d "]) {
      const new_ = { conversationId, type: "group", creatorId: "ana", createdAt: 1 } as const;
      expect(await store.conversations.reserve(new_)).toMatchObject({ conversationId, reserved: true });
    }
    await store.close();
  });

  it("reads its columns as numbers and bytes, whatever the application has set", async () => {
    const database = await newDatabase();
    const pool = database.pool({
      ...{ supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, namedPlaceholders: true },
      ...{ rowsAsArray: true, multipleStatements: true, decimalNumbers: true, timezone: "+05:30" },
      typeCast: () => "the application's",
    });
    const store = await openMysql(pool);
    expect(
      (await store.messages.append([draft({ text: "naïve 'quotes' \\ \" \0 😀" })])).map(result),
    ).toEqual(["stored"]);
    expect(await store.conversations.row("ana", "c")).toMatchObject({
      ...{ head: 2, latest: { snippet: "naïve 'quotes' \\ \" \0 😀" }, receipts: [], version: 2 },
    });
    expect(await store.conversations.countReceipts("c", 2)).toEqual({ members: 1, delivered: 1, read: 1 });
    await store.close();
  });

  it("works with the driver's major before", async () => {
    const database = await newDatabase();
    const url = new URL(process.env["CHAT_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306/test");
    url.pathname = database.name;
    const pool = createPool2({ uri: url.href, connectionLimit: 2, charset: "utf8mb4" });
    const store = await openMysql(pool);
    expect((await store.messages.append(upTo(20).map(() => draft()))).map(result)).toEqual(
      upTo(20).map(() => "stored"),
    );
    expect(await store.messages.find(draft())).toBe(undefined);
    const { items } = await store.conversations.list("ana", { limit: 5 });
    expect(items).toMatchObject([{ conversationId: "c", head: 21 }]);
    await store.close();
    await pool.end();
  });

  it("says that the database or the login is refused", async () => {
    const nowhere = createPool({ host: "127.0.0.1", user: "root", database: "no_such_database" });
    const nobody = createPool({
      host: "127.0.0.1",
      user: "no_such_user",
      password: "wrong",
      database: "test",
    });
    onTestFinished(async () => void (await Promise.all([nowhere.end(), nobody.end()])));
    const hasty = { ...OPTIONS, runtime: hastyRuntime() };
    await expect(mysql(nowhere).open(hasty)).rejects.toMatchObject(unavailable(/does not exist/));
    await expect(mysql(nobody).open(hasty)).rejects.toMatchObject(unavailable(/refuses the pool's login/));
  });

  it("gives the pool back as it was", async () => {
    const database = await newDatabase();
    const pool = database.pool({ connectionLimit: 1 });
    const settings =
      "SELECT @@autocommit AS autocommit, @@SESSION.sql_mode AS mode, @@innodb_lock_wait_timeout AS wait";
    const before = (await pool.query(settings))[0];
    const store = await openMysql(pool);
    await store.messages.append([draft()]);
    await store.close();
    expect((await pool.query(settings))[0]).toEqual(before);
  });
});
