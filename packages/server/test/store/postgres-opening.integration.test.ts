import { migratePostgres, postgres, type PostgresPool, POSTGRES_MIGRATIONS } from "@chat/server/postgres";
import { Pool } from "pg";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { expectBroughtUp, takeOutPrivacy } from "./before-privacy.js";
import { hastyRuntime } from "./hasty-runtime.js";
import { openPostgres } from "./postgres-drafts.js";
import { PostgresSchema } from "./postgres-schema.js";
import { draft, result, runtime, upTo } from "./sqlite-drafts.js";

const OPTIONS = { runtime, groupMembers: 100 };

async function newSchema(): Promise<PostgresSchema> {
  const schema = await PostgresSchema.create();
  onTestFinished(() => schema.dispose());
  return schema;
}

function unavailable(pattern: RegExp) {
  return { code: "store_unavailable", message: expect.stringMatching(pattern) as string };
}

it("takes the pool of the package pg as it is", () => {
  expectTypeOf<Pool>().toExtend<PostgresPool>();
});

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store, opened", () => {
  it("migrates once when ten servers start at the same time", async () => {
    const schema = await newSchema();
    const infos = await Promise.all(
      upTo(10).map(async () => {
        const store = postgres(schema.pool({ max: 1 }));
        const info = await store.open(OPTIONS);
        await store.close();
        return info;
      }),
    );
    expect(new Set(infos.map(({ epoch }) => epoch)).size).toBe(1);
    const { rows } = await schema.pool().query("SELECT schema_version AS version FROM chat_store");
    expect(rows).toEqual([{ version: POSTGRES_MIGRATIONS.length }]);
  });

  it("refuses a schema of a newer version, and leaves it alone", async () => {
    const schema = await newSchema();
    await migratePostgres(schema.pool());
    await schema.pool().query("UPDATE chat_store SET schema_version = 99");
    const refusal = unavailable(/schema version 99.*upgrade @chat\/server/);
    await expect(postgres(schema.pool()).open(OPTIONS)).rejects.toMatchObject(refusal);
    await expect(migratePostgres(schema.pool())).rejects.toMatchObject(refusal);
  });

  it("makes no tables where it was told not to, and says what to run", async () => {
    const schema = await newSchema();
    const store = postgres(schema.pool(), { migrate: false });
    await expect(store.open(OPTIONS)).rejects.toMatchObject(unavailable(/run migratePostgres/));
    await migratePostgres(schema.pool());
    await migratePostgres(schema.pool());
    await store.open(OPTIONS);
    await store.close();
  });

  it("brings up a schema of the version before, with what it holds", async () => {
    const schema = await newSchema();
    const pool = schema.pool();
    const before = await openPostgres(pool);
    await before.messages.append([draft()]);
    await before.close();
    await takeOutPrivacy((sql) => pool.query(sql));
    await pool.query("UPDATE chat_store SET schema_version = 3");
    const after = postgres(schema.pool());
    await after.open(OPTIONS);
    await expectBroughtUp(after);
    await after.close();
  });

  it("takes a schema that was made from the published SQL by hand", async () => {
    const schema = await newSchema();
    const pool = schema.pool({ max: 1 });
    for (const step of POSTGRES_MIGRATIONS) await pool.query(step);
    await pool.query("UPDATE chat_store SET schema_version = $1", [POSTGRES_MIGRATIONS.length]);
    const store = await openPostgres(schema.pool(), { migrate: false });
    await store.close();
  });

  it("needs no more than to read and write its tables once they are there", async () => {
    const schema = await newSchema();
    const admin = schema.pool({ max: 1 });
    await migratePostgres(admin);
    const role = `${schema.name}_role`;
    await admin.query(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ${schema.name} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema.name} TO ${role};
      GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA ${schema.name} TO ${role}`);
    const store = await openPostgres(schema.pool({}, role));
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    await store.close();
    await admin.query(`REVOKE INSERT ON chat_message FROM ${role}`);
    const next = postgres(schema.pool({}, role));
    await next.open(OPTIONS);
    expect(await next.messages.append([draft()])).toMatchObject([
      { status: "refused", error: unavailable(/role may not/) },
    ]);
    await next.close();
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it("refuses a session that does not wait for the disk, unless told", async () => {
    const schema = await newSchema();
    const options = `-c search_path=${schema.name} -c synchronous_commit=off`;
    const refused = postgres(schema.pool({ options })).open(OPTIONS);
    await expect(refused).rejects.toMatchObject(unavailable(/synchronous_commit is off/));
    const allowed = await openPostgres(schema.pool({ options }), { allowVolatile: true });
    await allowed.close();
  });

  it("waits for the disk with every commit, whatever the session was set to since", async () => {
    const schema = await newSchema();
    const pool = schema.pool({ max: 1 });
    const store = await openPostgres(pool);
    await pool.query("SET synchronous_commit = off");
    await pool.query(`
      CREATE TABLE seen (setting text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE TRIGGER note AFTER INSERT ON chat_message EXECUTE FUNCTION note()`);
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect((await pool.query("SELECT DISTINCT setting FROM seen")).rows).toEqual([{ setting: "on" }]);
    await store.close();
  });

  it("says that the database or the login is refused", async () => {
    const config = { connectionString: undefined, host: "127.0.0.1", user: "postgres" };
    const nowhere = new Pool({ ...config, database: "no_such_database" });
    onTestFinished(() => nowhere.end());
    await expect(postgres(nowhere).open({ ...OPTIONS, runtime: hastyRuntime() })).rejects.toMatchObject(
      unavailable(/does not exist/),
    );
  });

  it("goes on when somebody took away what it has prepared, or prepared it first", async () => {
    const pool = (await newSchema()).pool({ max: 1 });
    const store = await openPostgres(pool);
    for (const statement of ["DISCARD ALL", "DEALLOCATE ALL"]) {
      await pool.query(statement);
      expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
      await pool.query(statement);
      expect((await store.conversations.row("ana", "c"))?.memberCount).toBe(1);
    }
    await pool.query("PREPARE chat_privacies AS SELECT 1");
    expect(await store.conversations.privacies(["ana"])).toEqual(new Map());
    await store.close();
  });

  it("gives the pool back as it was", async () => {
    const schema = await newSchema();
    const pool = schema.pool();
    const listeners = pool.listenerCount("error");
    const store = await openPostgres(pool);
    expect(pool.listenerCount("error")).toBe(listeners + 1);
    await store.close();
    expect(pool.listenerCount("error")).toBe(listeners);
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});
