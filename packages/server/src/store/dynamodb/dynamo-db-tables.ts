import { systemRuntime } from "@chat/protocol";
import { unavailable } from "../sql/unavailable.js";
import type { DynamoDbAdministration } from "./dynamo-db-client.js";
import type { DynamoDbCalls } from "./dynamo-db-calls.js";

/** How long tables are waited for, ms, and how long between two looks. */
const READY_DEADLINE = 120_000;
const READY_PAUSE = 250;

/** The names of the tables. */
export interface TableNames {
  readonly messages: string;
  readonly keys: string;
}

/** Which tables; the same for `dynamodb` and {@link createDynamoDbTables}. */
export interface DynamoDbTables {
  /** What the names of the tables begin with; `chat_` by default, for `chat_message` and `chat_key`. */
  readonly prefix?: string;
}

export function tableNames({ prefix = "chat_" }: DynamoDbTables): TableNames {
  return { messages: `${prefix}message`, keys: `${prefix}key` };
}

function schemasOf({
  messages,
  keys,
}: TableNames): readonly [string, readonly ["c" | "i" | "k", "S" | "N"][]][] {
  return [
    [
      messages,
      [
        ["c", "S"],
        ["i", "N"],
      ],
    ],
    [keys, [["k", "S"]]],
  ];
}

/**
 * Makes the tables that are not there yet, billed by request, and resolves when they are ready. For tests and first steps: in production
 * tables are made where your other infrastructure is, see docs/backends/dynamodb.md.
 * @param client a `DynamoDB` of `@aws-sdk/client-dynamodb`
 * @throws what the SDK throws
 */
export async function createDynamoDbTables(
  client: DynamoDbAdministration,
  options: DynamoDbTables = {},
): Promise<void> {
  const { clock } = systemRuntime();
  const began = clock.monotonic();
  for (const [table, keys] of schemasOf(tableNames(options))) {
    try {
      await client.createTable({
        TableName: table,
        AttributeDefinitions: keys.map(([name, type]) => ({ AttributeName: name, AttributeType: type })),
        KeySchema: keys.map(([name], at) => ({ AttributeName: name, KeyType: at === 0 ? "HASH" : "RANGE" })),
        BillingMode: "PAY_PER_REQUEST",
      });
    } catch (error) {
      if ((error as Error).name !== "ResourceInUseException") throw error;
    }
    while ((await client.describeTable({ TableName: table })).Table?.TableStatus !== "ACTIVE") {
      if (clock.monotonic() - began > READY_DEADLINE) throw unavailable(`Table ${table} does not get ready.`);
      await new Promise<void>((resolve) => clock.schedule(READY_PAUSE, resolve));
    }
  }
}

/** Fails unless the tables are there, ready, and made for this. @throws ChatError `store_unavailable` */
export async function assertTables(calls: DynamoDbCalls, names: TableNames): Promise<void> {
  for (const [table, keys] of schemasOf(names)) {
    const { Table } = await calls.run((client, options) =>
      client.describeTable({ TableName: table }, options),
    );
    const status = Table?.TableStatus ?? "unknown";
    if (status !== "ACTIVE" && status !== "UPDATING") {
      throw unavailable(`Table ${table} is not ready: its status is ${status}.`);
    }
    const found = (Table?.KeySchema ?? []).map(({ AttributeName }) => AttributeName).join();
    const wanted = keys.map(([name]) => name).join();
    if (found !== wanted) {
      throw unavailable(
        `Table ${table} was made for something else: its key is (${found}), and not (${wanted}).`,
      );
    }
  }
}
