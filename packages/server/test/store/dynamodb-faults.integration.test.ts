import type { AppendOutcome, ChatStore, Draft } from "@chat/server";
import { combineStores } from "@chat/server";
import { createDynamoDbTables, dynamodb, type DynamoDbClient } from "@chat/server/dynamodb";
import { sqlite } from "@chat/server/sqlite";
import { LIMITS } from "@chat/protocol";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { dynamodbClient, hasDynamodb, startDynamodb } from "../engines/start-dynamodb.js";
import { hastyRuntime } from "./hasty-runtime.js";
import { heard, pause } from "./insist.js";
import {
  type CombinedWorld,
  combinedWorld,
  draft,
  group,
  logOf,
  membershipDraft,
  runtime,
  until,
  whileRowsStay,
} from "./combined-world.js";
import { SqliteFile } from "./sqlite-file.js";

type Name = keyof DynamoDbClient;
type Around = (call: () => Promise<unknown>, input: unknown) => Promise<unknown>;

/** The client, with something around some of its calls. */
function around(client: DynamoDbClient, calls: Partial<Record<Name, Around>>): DynamoDbClient {
  return new Proxy(client, {
    get(_, name) {
      const method: unknown = Reflect.get(client, name);
      if (typeof method !== "function") return method;
      const call = (parameters: unknown[]) => (): Promise<unknown> =>
        Reflect.apply(method, client, parameters) as Promise<unknown>;
      const wrapped = calls[name as Name];
      return (...parameters: unknown[]) =>
        wrapped === undefined ? call(parameters)() : wrapped(call(parameters), parameters[0]);
    },
  });
}

function awsError(name: string, fields: object = {}): Error {
  return Object.assign(new Error(name), { name, ...fields });
}

function said(outcome: AppendOutcome | undefined): string | undefined {
  return outcome?.status === "refused" ? outcome.error.code : outcome?.status;
}

describe.skipIf(!hasDynamodb)("DynamoDB", () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await startDynamodb();
  });
  afterAll(() => engine.dispose());

  async function newWorld(): Promise<CombinedWorld> {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    return combinedWorld(engine.port, () => sqlite(file.handle()));
  }

  /** A store whose client has something around its calls, and the conversation "c". */
  async function newStore(
    calls: Partial<Record<Name, Around>>,
    options: { readonly repairInterval?: number } = {},
  ): Promise<ChatStore> {
    const world = await newWorld();
    const store = await world.open({ client: around(world.client(), calls), ...options });
    await group(store, "c");
    return store;
  }

  it("stores 49 messages with one transaction and no read", async () => {
    const writes: number[] = [];
    let reads = 0;
    const calls: Partial<Record<Name, Around>> = {
      transactWriteItems: async (call, input) => {
        writes.push((input as { TransactItems: unknown[] }).TransactItems.length);
        return call();
      },
      getItem: async (call) => (reads++, call()),
      query: async (call) => (reads++, call()),
    };
    // Nobody looks for old marks meanwhile.
    const store = await newStore(calls, { repairInterval: 600_000 });
    writes.length = reads = 0;
    for (const count of [1, 10, 49, 98]) {
      const outcomes = await store.messages.append(Array.from({ length: count }, () => draft("c")));
      expect(new Set(outcomes.map(said))).toEqual(new Set(["stored"]));
    }
    // The head, and two items for each message.
    expect(writes).toEqual([3, 21, 99, 99, 99]);
    expect(reads).toBe(0);
  });

  it("looks up with one read what a resend has got, and each alone where others wrote in between", async () => {
    let [items, pages] = [0, 0];
    const calls: Partial<Record<Name, Around>> = {
      getItem: async (call) => (items++, call()),
      query: async (call) => (pages++, call()),
    };
    const store = await newStore(calls, { repairInterval: 600_000 });
    const sent = Array.from({ length: 30 }, () => draft("c"));
    const ids = (outcomes: readonly AppendOutcome[]): unknown[] =>
      outcomes.map((outcome) => outcome.status !== "refused" && outcome.entry.messageId);
    const stored = ids(await store.messages.append(sent));
    items = pages = 0;
    const resent = await store.messages.append([...sent, draft("c")]);
    expect(resent.map(said)).toEqual([...Array<string>(30).fill("duplicate"), "stored"]);
    expect(ids(resent).slice(0, 30)).toEqual(stored);
    expect([items, pages]).toEqual([0, 1]);
    for (let count = 0; count < 4; count++)
      await store.messages.append(Array.from({ length: 49 }, () => draft("c")));
    const last = draft("c");
    const [, id] = [await store.messages.append([last]), stored[0]];
    items = pages = 0;
    const both = await store.messages.append([sent[0]!, last]);
    expect(both.map(said)).toEqual(["duplicate", "duplicate"]);
    expect(ids(both)).toEqual([id, 229]);
    expect([items, pages]).toEqual([2, 0]);
  });

  it("tries again what is throttled, in conflict or under way, with the same token", async () => {
    const tokens: unknown[] = [];
    const failures = [
      awsError("ProvisionedThroughputExceededException"),
      awsError("ThrottlingException"),
      awsError("TransactionInProgressException"),
      awsError("TransactionCanceledException", {
        CancellationReasons: [{ Code: "TransactionConflict" }, { Code: "None" }, { Code: "None" }],
      }),
    ];
    let failing = false;
    const store = await newStore({
      transactWriteItems: async (call, input) => {
        if (!failing) return call();
        tokens.push((input as { ClientRequestToken: unknown }).ClientRequestToken);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return call();
      },
    });
    failing = true;
    expect((await store.messages.append([draft("c")])).map(said)).toEqual(["stored"]);
    expect(tokens).toHaveLength(5);
    expect(new Set(tokens).size).toBe(1);
  });

  it("refuses retryably when nobody knows what became of an append; the row follows, and a resend is a duplicate", async () => {
    let isLost = false;
    const store = await newStore({
      transactWriteItems: async (call) => {
        const answer = await call();
        if (isLost) throw awsError("TimeoutError");
        return answer;
      },
    });
    isLost = true;
    const lost = draft("c");
    const [outcome] = await store.messages.append([lost]);
    expect(said(outcome)).toBe("store_unavailable");
    isLost = false;
    await until(async () => (await store.conversations.participation(undefined, "c"))!.head === 2);
    expect((await store.messages.append([lost, draft("c")])).map(said)).toEqual(["duplicate", "stored"]);
    expect((await logOf(store, "c")).map(({ clientMessageId }) => clientMessageId)[1]).toBe(
      lost.clientMessageId,
    );
  });

  it("refuses everything of one device behind what failed, and nothing of other conversations", async () => {
    let isAway = false;
    const store = await newStore({
      transactWriteItems: async (call, input) => {
        if (isAway && JSON.stringify(input).includes('"away"')) throw awsError("ECONNREFUSED");
        return call();
      },
    });
    await group(store, "away");
    isAway = true;
    const { deviceId } = draft("c");
    const own = (conversationId: string): Draft => draft(conversationId, { deviceId });
    const outcomes = await store.messages.append([own("away"), own("c"), own("away"), draft("away")]);
    expect(outcomes.map(said)).toEqual(["store_unavailable", "stored", "out_of_order", "store_unavailable"]);
  });

  it("keeps the largest message that may be sent, and refuses what an item can't hold, alone", async () => {
    const store = await newStore({});
    const text = "🙂".repeat(LIMITS.textCharactersCeiling);
    const data = { a: "x".repeat(LIMITS.dataBytes - 8) };
    const outcomes = await store.messages.append([
      draft("c", { text, data }),
      draft("c", { text: text + text }),
      draft("c"),
      ...Array.from({ length: 12 }, () => draft("c", { text })),
    ]);
    expect(outcomes.map(said)).toEqual(["stored", "data_invalid", ...Array<string>(13).fill("stored")]);
    const log = await logOf(store, "c");
    expect(log.map(({ messageId }) => messageId)).toEqual(Array.from({ length: 15 }, (_, at) => at + 1));
    expect(log[1]!.text === text && log[14]!.text === text).toBe(true);
  });

  it("says at the start what is missing or made for something else", async () => {
    const client = dynamodbClient(engine.port);
    onTestFinished(() => client.destroy());
    await expect(dynamodb(client, { prefix: "nowhere_" }).open(runtime)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("createDynamoDbTables") as string,
    });
    await client.createTable({
      TableName: "odd_message",
      AttributeDefinitions: [{ AttributeName: "x", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "x", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    });
    await expect(dynamodb(client, { prefix: "odd_" }).open(runtime)).rejects.toMatchObject({
      message: "Table odd_message was made for something else: its key is (x), and not (c,i).",
    });
    // Making tables that are there changes nothing.
    await createDynamoDbTables(client, { prefix: "twice_" });
    await createDynamoDbTables(client, { prefix: "twice_" });
    const { epoch } = await dynamodb(client, { prefix: "twice_" }).open(runtime);
    expect(await dynamodb(client, { prefix: "twice_" }).open(runtime)).toEqual({ epoch });
  });

  it("waits for one that can't be reached when it is opened, and says at last that it can't be", async () => {
    const own = await startDynamodb({ isDurable: true });
    onTestFinished(() => own.dispose());
    const client = dynamodbClient(own.port);
    onTestFinished(() => client.destroy());
    await createDynamoDbTables(client);
    await own.kill();
    const { runtime: listening, events } = heard();
    const opened = dynamodb(client).open(listening);
    while (events.length === 0) await pause(5);
    await own.start();
    const { epoch } = await opened;
    expect(events).toEqual(["dynamodb_away"]);
    await own.kill();
    await expect(dynamodb(client).open(hastyRuntime())).rejects.toMatchObject({ code: "store_unavailable" });
    // A crash takes nothing of it.
    await own.start();
    expect(await dynamodb(client).open(runtime)).toEqual({ epoch });
  });

  it("tells no removed member for one who is there, also while the row is behind the log", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const world = await combinedWorld(engine.port, () => sqlite(file.handle()));
    const rows = world.rows();
    // Nobody looks for old marks meanwhile.
    const store = await world.open({ rows, repairInterval: 600_000 });
    await group(store, "c");
    const { membershipVersion } = (await store.messages.heads(["c"])).get("c")!;
    const removal = membershipDraft("c", "members-removed", ["bo"], membershipVersion);
    expect((await whileRowsStay(rows, () => store.messages.append([removal]))).map(said)).toEqual(["stored"]);
    expect([...(await store.conversations.roles("c", ["ana", "bo"])).keys()]).toEqual(["ana"]);
  });

  it("says how far a log is, and what a resend has got, with the row at it", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const world = await combinedWorld(engine.port, () => sqlite(file.handle()));
    const rows = world.rows();
    // Nobody looks for old marks meanwhile.
    const store = await world.open({ rows, repairInterval: 600_000 });
    await group(store, "c");
    const rowHead = async (): Promise<number | undefined> =>
      (await rows.messages.heads(["c"])).get("c")?.head;
    const left = draft("c");
    for (const [head, bringUp] of [
      [2, async () => (await store.messages.heads(["c"])).get("c")?.head],
      [3, async () => (await store.messages.append([left])).map(said)],
    ] as const) {
      const append = () => store.messages.append([head === 3 ? left : draft("c")]);
      expect((await whileRowsStay(rows, append)).map(said)).toEqual(["stored"]);
      expect(await rowHead()).toBe(head - 1);
      expect(await bringUp()).toEqual(head === 3 ? ["duplicate"] : 2);
      expect(await rowHead()).toBe(head);
    }
  });

  it("leaves nothing of what was deleted in the table, also where a server vanished half-way", async () => {
    let isAway = false;
    const world = await newWorld();
    const client = around(world.client(), {
      batchWriteItem: (call) => (isAway ? Promise.reject(awsError("TimeoutError")) : call()),
    });
    const store = await world.open({ client, repairInterval: 600_000 });
    await group(store, "c");
    await store.messages.append(Array.from({ length: 9 }, () => draft("c")));
    const deletion = { conversationId: "c", keepFrom: 6, keepSince: 0, limit: 100 };
    isAway = true;
    await expect(store.housekeeping.prune(deletion)).rejects.toMatchObject({ code: "store_unavailable" });
    isAway = false;
    expect((await store.messages.heads(["c"])).get("c")).toMatchObject({ head: 10, firstId: 6 });
    const log = dynamodb(world.client(), { prefix: world.prefix });
    await log.open(runtime);
    const all = { after: 0, before: 11, order: "ascending", limit: 20, maxBytes: 1e6 } as const;
    const kept = await log.read({ conversationId: "c", ...all });
    expect(kept.map(({ messageId }) => messageId)).toEqual([6, 7, 8, 9, 10]);
  });

  it("begins no transaction that could land when its mark is gone", async () => {
    let [passed, transactions] = [0, 0];
    const clock = { ...runtime.clock, monotonic: () => runtime.clock.monotonic() + passed };
    const world = await newWorld();
    const client = around(world.client(), {
      getItem: (call) => ((passed += 16_000), call()),
      transactWriteItems: (call) => (transactions++, call()),
    });
    const log = dynamodb(client, { prefix: world.prefix });
    await log.open({ ...runtime, clock });
    const pending = { draft: draft("c", { membershipVersion: 0 }), refusal: () => undefined, note() {} };
    await expect(log.append("c", [pending], 0)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(transactions).toBe(0);
  });

  it("refuses to go on in a log that has lost what its row has seen", async () => {
    const world = await newWorld();
    const store = await world.open();
    await group(store, "c");
    await store.messages.append([draft("c")]);
    await store.close();
    await createDynamoDbTables(dynamodbClient(engine.port), { prefix: "empty_" });
    const other = combineStores({
      messages: dynamodb(world.client(), { prefix: "empty_" }),
      conversations: world.rows(),
    });
    await other.open({ runtime, groupMembers: 100 });
    onTestFinished(() => other.close());
    const [outcome] = await other.messages.append([draft("c")]);
    expect(outcome).toMatchObject({ status: "refused", error: { code: "store_unavailable" } });
    expect(outcome?.status === "refused" && outcome.error.message).toContain("its row has seen 2");
  });

  it("answers while DynamoDB is away, and goes on when it is back", async () => {
    const own = await startDynamodb();
    onTestFinished(() => own.dispose());
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const world = await combinedWorld(own.port, () => sqlite(file.handle()));
    const store = await world.open();
    await group(store, "c");
    await own.kill();
    const waiting = draft("c");
    expect((await store.messages.append([waiting])).map(said)).toEqual(["store_unavailable"]);
    await expect(store.messages.find(waiting)).rejects.toMatchObject({ code: "store_unavailable" });
    // In memory it comes back empty: what its rows have seen is lost, and it says so.
    await own.start();
    await createDynamoDbTables(dynamodbClient(own.port), { prefix: world.prefix });
    expect((await store.messages.append([waiting])).map(said)).toEqual(["store_unavailable"]);
    await store.conversations.reserve({ conversationId: "d", type: "group", creatorId: "ana", createdAt: 1 });
    await group(store, "d");
  });
});
