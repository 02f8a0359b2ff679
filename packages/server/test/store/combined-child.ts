// A process of its own that appends into DynamoDB and a SQLite file, and says on its standard output what was acknowledged:
//   tsx combined-child.ts <port> <prefix> <file> <which transaction it dies behind, 0 for none> <conversations…>
import { newUuid, systemRuntime } from "@chat/protocol";
import { combineStores } from "@chat/server";
import { dynamodb, type DynamoDbClient } from "@chat/server/dynamodb";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { dynamodbClient } from "../engines/start-dynamodb.js";
import { printAtOnce } from "./print-at-once.js";

const [port, prefix, file, deadly, ...conversations] = process.argv.slice(2);
const runtime = systemRuntime();
let transactions = 0;

/** The client, with which the process dies at once when one of its transactions is done: the row has not moved yet. */
function deadlyClient(): DynamoDbClient {
  const client = dynamodbClient(Number(port));
  return new Proxy<DynamoDbClient>(client, {
    get(_, name) {
      const method = (client as unknown as Record<string | symbol, unknown>)[name];
      if (typeof method !== "function") return method;
      return async (...parameters: unknown[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(method, client, parameters);
        if (name === "transactWriteItems" && ++transactions === Number(deadly)) {
          process.kill(process.pid, "SIGKILL");
        }
        return answer;
      };
    },
  });
}

const store = combineStores({
  messages: dynamodb(deadlyClient(), { prefix: prefix! }),
  conversations: sqlite(new Database(file)),
  repairInterval: 100,
});
await store.open({ runtime, groupMembers: 100 });
printAtOnce("open");

async function appendAlways(deviceId: string): Promise<void> {
  for (;;) {
    const clientMessageId = newUuid(runtime.random);
    const conversationId = conversations[Math.floor(runtime.random.float() * conversations.length)]!;
    const [outcome] = await store.messages.append([
      {
        ...{ conversationId, senderId: "ana", deviceId, clientMessageId, kind: "text", text: "hello" },
        ...{ createdAt: runtime.clock.now(), countsAsUnread: true, membershipVersion: 1 },
      },
    ]);
    if (outcome!.status === "refused") printAtOnce(`refused ${outcome!.error.message}`);
    else printAtOnce(`${conversationId} ${outcome!.entry.messageId} ${clientMessageId}`);
  }
}
await Promise.all(Array.from({ length: 10 }, () => appendAlways(newUuid(runtime.random))));
