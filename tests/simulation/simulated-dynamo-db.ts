import type { DynamoDbClient } from "@chat/server/dynamodb";
import type { StoredEntry } from "@chat/server";
import { entryIn } from "../../packages/server/src/store/dynamodb/dynamo-db-items.js";
import type { Call } from "./unreliable-line.js";

type Item = Record<string, unknown>;
type Values = Readonly<Record<string, unknown>>;
type TransactWrite = Parameters<DynamoDbClient["transactWriteItems"]>[0]["TransactItems"][number];

interface Reason {
  readonly Code: string;
  readonly Item?: Item;
}

const KEYS: Readonly<Record<string, readonly string[]>> = { chat_message: ["c", "i"], chat_key: ["k"] };

/** What comes before the first line break where the epoch lies; no conversation has that id. */
const EPOCH_PLACE = "";

function valueOf(attribute: unknown): string {
  const { S, N } = attribute as { readonly S?: string; readonly N?: string };
  return S ?? N ?? "";
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** What tables held at some time. */
export type DynamoDbSnapshot = ReadonlyMap<string, ReadonlyMap<string, Item>>;

/** The tables of the log, as DynamoDB has them: each call is done at once or not at all, and a transaction with a known token is not done again. */
export class DynamoDbTables {
  #tables = new Map(Object.keys(KEYS).map((name) => [name, new Map<string, Item>()]));
  readonly #tokens = new Set<string>();

  /** What they hold now. */
  snapshot(): DynamoDbSnapshot {
    // Items are replaced, never changed.
    return new Map([...this.#tables].map(([name, items]) => [name, new Map(items)]));
  }

  /** They are put back to what they held, but for the conversations that are not to be kept. */
  restore(snapshot: DynamoDbSnapshot, isKept: (conversationId: string) => boolean): void {
    const conversationOf = ({ c, k }: Item): string => valueOf(c ?? k).split("\n")[0]!;
    this.#tables = new Map(
      [...snapshot].map(([name, items]) => [
        name,
        new Map(
          [...items].filter(
            ([, item]) => conversationOf(item) === EPOCH_PLACE || isKept(conversationOf(item)),
          ),
        ),
      ]),
    );
  }

  get(table: string, key: Item): Item | undefined {
    return this.#table(table).get(this.#placeOf(table, key));
  }

  /** The items of a partition of messages between two ids, both included, in order. */
  between(conversationId: string, low: number, high: number): Item[] {
    const items: Item[] = [];
    for (const item of this.#table("chat_message").values()) {
      const id = Number(valueOf(item["i"]));
      if (valueOf(item["c"]) === conversationId && low <= id && id <= high) items.push(item);
    }
    return items.sort((left, right) => Number(valueOf(left["i"])) - Number(valueOf(right["i"])));
  }

  put(table: string, item: Item): void {
    this.#table(table).set(this.#placeOf(table, item), item);
  }

  delete(table: string, key: Item): void {
    this.#table(table).delete(this.#placeOf(table, key));
  }

  /** @returns why not, one reason per write; undefined if all was written. @param wrote told each item that was put */
  transact(
    writes: readonly TransactWrite[],
    token: string,
    wrote: (table: string, item: Item) => void,
  ): readonly Reason[] | undefined {
    if (this.#tokens.has(token)) return undefined;
    const reasons = writes.map(({ Put, Update }): Reason => {
      const { TableName, ConditionExpression = "", ExpressionAttributeValues = {} } = (Put ?? Update)!;
      const old = this.get(TableName, Put?.Item ?? Update!.Key);
      if (holds(ConditionExpression, old, ExpressionAttributeValues)) return { Code: "None" };
      return { Code: "ConditionalCheckFailed", ...(old !== undefined && { Item: old }) };
    });
    if (reasons.some(({ Code }) => Code !== "None")) return reasons;
    this.#tokens.add(token);
    for (const { Put, Update } of writes) {
      if (Update !== undefined) this.update(Update);
      if (Put === undefined) continue;
      this.put(Put.TableName, Put.Item);
      wrote(Put.TableName, Put.Item);
    }
    return undefined;
  }

  /** Sets what an update expression names, whatever its condition says. */
  update({
    TableName,
    Key,
    UpdateExpression,
    ExpressionAttributeValues = {},
  }: Omit<Parameters<DynamoDbClient["updateItem"]>[0], "ConditionExpression">): void {
    const item = { ...(this.get(TableName, Key) ?? Key) };
    for (const assignment of UpdateExpression.replace(/^SET /, "").split(", ")) {
      const [name, value] = assignment.split(" = ") as [string, string];
      item[name] = (ExpressionAttributeValues as Values)[value];
    }
    this.put(TableName, item);
  }

  #table(name: string): Map<string, Item> {
    return this.#tables.get(name)!;
  }

  #placeOf(table: string, item: Item): string {
    return KEYS[table]!.map((name) => valueOf(item[name])).join("\0");
  }
}

/** Whether a condition holds of an item, of those conditions that the store sets. */
function holds(condition: string, item: Item | undefined, values: Values): boolean {
  if (condition === "") return true;
  const isTrue = (term: string): boolean => {
    const [, not, attribute] = /^attribute_(not_)?exists\((\w)\)$/.exec(term) ?? [];
    if (attribute !== undefined) return (item?.[attribute] === undefined) === (not !== undefined);
    const [, name, sign, value] = /^(\w) (=|<) (:\w+)$/.exec(term) ?? [];
    if (name === undefined) throw new Error(`The simulated DynamoDB does not know ${term}`);
    if (item?.[name] === undefined) return false;
    const [is, named] = [valueOf(item[name]), valueOf(values[value!])];
    return sign === "=" ? is === named : Number(is) < Number(named);
  };
  return condition.split(" AND ").every((term) =>
    term
      .replace(/^\((.+)\)$/, "$1")
      .split(" OR ")
      .some(isTrue),
  );
}

/** What a server's way to the tables is made of. */
export interface SimulatedDynamoDbOptions {
  readonly tables: DynamoDbTables;
  readonly call: Call;
  /** Asked before each transaction: another is in its way. */
  readonly isRefused: () => boolean;
  /** Called for each entry in the moment in which it is committed. */
  readonly stored: (entry: StoredEntry) => void;
  /** Called when the oldest entries of a conversation are kept no more. */
  readonly pruned: (conversationId: string, count: number) => void;
  /** Called for each message whose body was taken away, but for those that the entry of a redaction names. */
  readonly wiped: (entry: StoredEntry) => void;
}

/** The client of one server, with the calls that the log makes; everything it answers takes a line that fails. */
export function simulatedDynamoDb(options: SimulatedDynamoDbOptions): DynamoDbClient {
  const { tables } = options;
  const call = <T>(name: string, carryOut: () => T): Promise<T> =>
    options
      .call(name, async () => carryOut())
      .catch((error: Error) => {
        // What the line itself says is a lost connection here, as an SDK reports it.
        throw "code" in error ? named("TimeoutError", "socket hang up") : error;
      });
  return {
    getItem: ({ TableName, Key }) => call("getItem", () => ({ Item: tables.get(TableName, Key) })),
    query: ({ ExpressionAttributeValues: values, ScanIndexForward, Limit }) =>
      call("query", () => {
        const [low, high] = [Number(valueOf(values[":low"])), Number(valueOf(values[":high"]))];
        const found = tables.between(valueOf(values[":c"]), low, high);
        if (!ScanIndexForward) found.reverse();
        const Items = found.slice(0, Limit);
        return { Items, ...(Items.length < found.length && { LastEvaluatedKey: {} }) };
      }),
    updateItem: ({ ConditionExpression = "", ...update }) =>
      call("updateItem", () => {
        const item = tables.get(update.TableName, update.Key);
        if (!holds(ConditionExpression, item, update.ExpressionAttributeValues ?? {})) {
          throw named("ConditionalCheckFailedException", "The conditional request failed");
        }
        tables.update(update);
        const first = (of: Item | undefined): number => Number(valueOf(of?.["p"] ?? { N: "1" }));
        const moved = first(tables.get(update.TableName, update.Key)) - first(item);
        if (moved > 0) options.pruned(valueOf(update.Key["c"]), moved);
      }),
    transactWriteItems: ({ TransactItems, ClientRequestToken }) =>
      call("transactWriteItems", () => {
        const reasons = options.isRefused()
          ? TransactItems.map(() => ({ Code: "TransactionConflict" }))
          : tables.transact(TransactItems, ClientRequestToken, (table, item) => {
              if (table === "chat_message") options.stored(entryIn(valueOf(item["c"]), item));
            });
        if (reasons === undefined) return;
        const cancelled = named("TransactionCanceledException", "Transaction cancelled");
        throw Object.assign(cancelled, { CancellationReasons: reasons });
      }),
    batchWriteItem: ({ RequestItems }) =>
      call("batchWriteItem", () => {
        for (const [table, writes] of Object.entries(RequestItems)) {
          for (const { PutRequest, DeleteRequest } of writes) {
            if (PutRequest !== undefined) {
              const { Item } = PutRequest;
              tables.put(table, Item);
              options.wiped(entryIn(valueOf(Item["c"]), Item));
            }
            if (DeleteRequest !== undefined) tables.delete(table, DeleteRequest.Key);
          }
        }
        return {};
      }),
    describeTable: async ({ TableName }) => ({
      Table: {
        TableStatus: "ACTIVE",
        KeySchema: KEYS[TableName]!.map((AttributeName) => ({ AttributeName })),
      },
    }),
  };
}
