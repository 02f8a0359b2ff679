import { type ChatStore, combineStores, type FollowingStore } from "@chat/server";
import { createDynamoDbTables, dynamodb } from "@chat/server/dynamodb";
import { mysql } from "@chat/server/mysql";
import { postgres } from "@chat/server/postgres";
import { sqlite } from "@chat/server/sqlite";
import { type StoreEngine, storeSuite } from "@chat/server/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { isUp } from "../engines/engine-urls.js";
import { dynamodbClient, hasDynamodb, startDynamodb } from "../engines/start-dynamodb.js";
import { MysqlDatabase } from "./mysql-database.js";
import { PostgresSchema } from "./postgres-schema.js";
import { SqliteFile } from "./sqlite-file.js";

const hasPostgres = await isUp("postgres");
const hasMysql = await isUp("mysql");

describe.skipIf(!hasDynamodb)("DynamoDB store", () => {
  let engine: EngineProcess;
  let made = 0;
  beforeAll(async () => {
    engine = await startDynamodb();
  });
  afterAll(() => engine.dispose());

  /** Tables of a case's own, beside a relational store. */
  async function combined(rows: () => FollowingStore, dispose: StoreEngine["dispose"]): Promise<StoreEngine> {
    const prefix = `case${++made}_`;
    const client = dynamodbClient(engine.port);
    await createDynamoDbTables(client, { prefix });
    const log = () => dynamodb(client, { prefix });
    const store = (): ChatStore => combineStores({ messages: log(), conversations: rows() });
    return {
      store,
      log,
      derivesFromEntries: true,
      async dispose() {
        client.destroy();
        await dispose();
      },
    };
  }

  // As those of the stores beside it, the cases wait for the disk.
  storeSuite({ describe, it: it.concurrent }, "DynamoDB + SQLite", () => {
    const file = new SqliteFile();
    return combined(
      () => sqlite(file.handle()),
      () => file.dispose(),
    );
  });

  describe.skipIf(!hasPostgres)("with PostgreSQL", () => {
    storeSuite({ describe, it: it.concurrent }, "DynamoDB + PostgreSQL", async () => {
      const schema = await PostgresSchema.create();
      return combined(
        () => postgres(schema.pool()),
        () => schema.dispose(),
      );
    });
  });

  describe.skipIf(!hasMysql)("with MySQL", () => {
    storeSuite({ describe, it: it.concurrent }, "DynamoDB + MySQL", async () => {
      const database = await MysqlDatabase.create();
      return combined(
        () => mysql(database.pool()),
        () => database.dispose(),
      );
    });
  });
});
