import { combineStores } from "@chat/server";
import { createDynamoDbTables, dynamodb } from "@chat/server/dynamodb";
import {
  dynamodbClient,
  hasDynamodb,
  startDynamodb,
} from "../../../packages/server/test/engines/start-dynamodb.js";
import type { Database } from "./database.js";
import { postgresDatabase } from "./postgres-database.js";

/** Messages in DynamoDB, which keeps them in a file; conversations and registry in PostgreSQL. Both crash at the same moment. */
export const dynamodbDatabase: Database = {
  canStart: async () => hasDynamodb && (await postgresDatabase.canStart()),

  async start() {
    const rows = await postgresDatabase.start();
    const log = await startDynamodb({ isDurable: true });
    const client = dynamodbClient(log.port);
    await createDynamoDbTables(client);
    client.destroy();
    return {
      ports: [...rows.ports, log.port],
      async crash() {
        await Promise.all([rows.crash(), log.kill()]);
      },
      async start() {
        await Promise.all([rows.start(), log.start()]);
      },
      async dispose() {
        await rows.dispose();
        await log.dispose();
      },
    };
  },

  open([rowsPort, logPort]) {
    const rows = postgresDatabase.open([rowsPort!]);
    const client = dynamodbClient(logPort!);
    return {
      store: combineStores({ messages: dynamodb(client), conversations: rows.store }),
      registry: rows.registry,
      async close() {
        client.destroy();
        await rows.close();
      },
    };
  },
};
