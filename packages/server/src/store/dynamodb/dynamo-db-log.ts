import { newUuid, type Runtime } from "@chat/protocol";
import { contentBytes } from "../content-bytes.js";
import type { MessageLog, PendingDraft } from "../message-log.js";
import type { Head, IdempotencyKey, ReadQuery } from "../message-store.js";
import { prunedEntry } from "../sql/draft-entry.js";
import { unavailable } from "../sql/unavailable.js";
import type { StoredEntry } from "../stored-entry.js";
import { planAppend } from "./append-plan.js";
import { DynamoDbCalls } from "./dynamo-db-calls.js";
import type { DynamoDbClient, FoundItem, TransactWrite } from "./dynamo-db-client.js";
import { cancellationOf, isAway } from "./dynamo-db-failure.js";
import {
  EMPTY_HEAD,
  entryIn,
  headIn,
  headUpdate,
  keyItem,
  keyText,
  number,
  numberIn,
  placeOf,
  text,
  textIn,
} from "./dynamo-db-items.js";
import { DynamoDbRedactions } from "./dynamo-db-redactions.js";
import { assertTables, type DynamoDbTables, type TableNames, tableNames } from "./dynamo-db-tables.js";
import { RecentHeads } from "./recent-heads.js";

/** DynamoDB takes 100 items in a transaction: the head, and for each entry itself and its key. */
const DRAFTS_AT_ONCE = 49;
/** How long other servers may come first before an append is given up, ms. With the last call it is over well within the life of its mark. */
const APPEND_DEADLINE = 15_000;
/** How long `open` waits for DynamoDB that can't be reached, ms, and how long between two tries. */
const OPEN_DEADLINE = 10_000;
const OPEN_PAUSE = 250;
/** Entries and bytes of a read that brings what a resend has got. */
const ENTRIES_AT_ONCE = 200;
const BYTES_AT_ONCE = 1_048_576;
/** Ids hold no control character: no conversation's partition is this one. */
const EPOCH_PLACE = { c: text("\n"), i: number(0) };

/** A key that was taken, and its item. */
interface TakenKey {
  readonly key: IdempotencyKey;
  readonly item: FoundItem;
}

/**
 * The logs of all conversations in DynamoDB, for `combineStores`. docs/backends/dynamodb.md says which tables and rights it wants.
 * @param client a `DynamoDB` of `@aws-sdk/client-dynamodb` version 3; stays open when the store is closed
 */
export function dynamodb(client: DynamoDbClient, tables: DynamoDbTables = {}): MessageLog {
  return new DynamoDbLog(client, tableNames(tables));
}

class DynamoDbLog implements MessageLog {
  readonly draftsAtOnce = DRAFTS_AT_ONCE;
  readonly #calls: DynamoDbCalls;
  readonly #tables: TableNames;
  readonly #recent = new RecentHeads();
  readonly #redactions: DynamoDbRedactions;

  constructor(client: DynamoDbClient, tables: TableNames) {
    this.#calls = new DynamoDbCalls(client);
    this.#tables = tables;
    this.#redactions = new DynamoDbRedactions(this.#calls, tables, this);
  }

  async open(runtime: Runtime): Promise<{ readonly epoch: string }> {
    this.#calls.open(runtime);
    const { clock } = runtime;
    const began = clock.monotonic();
    for (let isKnown = false; ; isKnown = true) {
      try {
        return await this.#begin(runtime);
      } catch (thrown) {
        if (!isAway(thrown) || clock.monotonic() - began >= OPEN_DEADLINE) throw thrown;
        if (!isKnown) runtime.log("error", "dynamodb_away", { reason: (thrown as Error).message });
      }
      await new Promise<void>((resolve) => clock.schedule(OPEN_PAUSE, resolve));
    }
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  async #begin(runtime: Runtime): Promise<{ readonly epoch: string }> {
    await assertTables(this.#calls, this.#tables);
    const { messages } = this.#tables;
    await this.#calls.update({
      TableName: messages,
      Key: EPOCH_PLACE,
      UpdateExpression: "SET e = :e",
      ConditionExpression: "attribute_not_exists(c)",
      ExpressionAttributeValues: { ":e": text(newUuid(runtime.random)) },
    });
    const item = await this.#calls.get(messages, EPOCH_PLACE);
    return { epoch: textIn(item!, "e") };
  }

  async append(conversationId: string, drafts: readonly PendingDraft[], seen: number): Promise<void> {
    if (drafts[0]?.draft.redaction !== undefined) {
      this.#recent.forget(conversationId);
      return this.#redactions.append(drafts[0], seen);
    }
    const { clock } = this.#calls.runtime;
    const ends = clock.monotonic() + APPEND_DEADLINE;
    for (let left = drafts; left.length > 0;) {
      left = left.slice(await this.#appendSome(conversationId, left, seen, ends));
    }
  }

  /** Stores as many as one transaction takes. @param ends monotonic ms @returns how many drafts are done */
  async #appendSome(
    conversationId: string,
    drafts: readonly PendingDraft[],
    seen: number,
    ends: number,
  ): Promise<number> {
    const known = new Map<string, StoredEntry | undefined>();
    let before = this.#recent.get(conversationId);
    let isRead = false;
    for (;;) {
      if (before === undefined || before.head < seen) {
        before = await this.headBehind(conversationId, seen);
        isRead = true;
      }
      const plan = planAppend(drafts, before, known);
      if (plan.doubtful.length > 0) {
        // What is refused is refused for the present state, and only if its key is new.
        if (!isRead) before = undefined;
        await Promise.all(
          plan.doubtful.map(async ({ draft }) => known.set(keyText(draft), await this.find(draft))),
        );
        continue;
      }
      if (plan.entries.length === 0) return plan.taken;
      // What was asked before may have taken long itself.
      if (this.#calls.runtime.clock.monotonic() >= ends) break;
      const writes: TransactWrite[] = [this.#headWrite(conversationId, before, plan.after)];
      plan.entries.forEach((entry, at) => writes.push(...this.writesOf(entry, plan.items[at]!)));
      try {
        await this.#calls.transact(writes, newUuid(this.#calls.runtime.random));
        this.#recent.set(conversationId, plan.after);
        return plan.taken;
      } catch (thrown) {
        this.#recent.forget(conversationId);
        const reasons = cancellationOf(thrown);
        if (reasons === undefined) throw thrown;
        const [ofHead, ...others] = reasons;
        if (ofHead?.Code === "ConditionalCheckFailed") {
          before = ofHead.Item === undefined ? undefined : headIn(ofHead.Item);
          isRead = true;
        }
        await this.#learnKeys(plan.entries, others, known);
      }
    }
    throw unavailable("Other servers write into this conversation all the time; try again later.");
  }

  /** Which of the keys were taken, and by what. */
  async #learnKeys(
    entries: readonly StoredEntry[],
    reasons: readonly { readonly Code?: string; readonly Item?: FoundItem; readonly Message?: string }[],
    known: Map<string, StoredEntry | undefined>,
  ): Promise<void> {
    const taken: TakenKey[] = [];
    for (const [at, entry] of entries.entries()) {
      const [ofEntry, ofKey] = [reasons[2 * at], reasons[2 * at + 1]];
      for (const { Code, Message } of [ofEntry ?? {}, ofKey ?? {}]) {
        if (Code === "ValidationError") throw unavailable(`DynamoDB refuses an item: ${Message}`);
      }
      if (ofKey?.Code !== "ConditionalCheckFailed") continue;
      known.set(keyText(entry), undefined);
      if (ofKey.Item !== undefined) taken.push({ key: entry, item: ofKey.Item });
    }
    for (const entry of await this.#entriesOfKeys(taken)) known.set(keyText(entry), entry);
  }

  /** What was sent together mostly stands together: one read brings all of a resend, and one each what it leaves. */
  async #entriesOfKeys(taken: readonly TakenKey[]): Promise<readonly StoredEntry[]> {
    const ids = taken.map(({ item }) => numberIn(item, "i"));
    const [low, high] = [Math.min(...ids), Math.max(...ids)];
    const limit = high - low + 1;
    const page = new Map<number, StoredEntry>();
    if (taken.length > 1 && limit <= ENTRIES_AT_ONCE) {
      const { conversationId } = taken[0]!.key;
      const span = { conversationId, after: low - 1, before: high + 1, order: "ascending" } as const;
      for (const entry of await this.read({ ...span, limit, maxBytes: BYTES_AT_ONCE }))
        page.set(entry.messageId, entry);
    }
    return Promise.all(
      taken.map(async ({ key, item }, at) => page.get(ids[at]!) ?? this.#entryOfKey(key, item)),
    );
  }

  /** The writes of an entry and of its key. */
  writesOf(entry: StoredEntry, item: ReturnType<typeof keyItem>): readonly TransactWrite[] {
    const { messages, keys } = this.#tables;
    return [
      { Put: { TableName: messages, Item: item, ConditionExpression: "attribute_not_exists(c)" } },
      {
        Put: {
          TableName: keys,
          Item: keyItem(entry),
          ConditionExpression: "attribute_not_exists(k)",
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        },
      },
    ];
  }

  #headWrite(conversationId: string, before: Head, after: Head): TransactWrite {
    const place = { TableName: this.#tables.messages, Key: placeOf(conversationId, 0) };
    return { Update: { ...place, ...headUpdate(before, after) } };
  }

  async find(key: IdempotencyKey): Promise<StoredEntry | undefined> {
    const item = await this.#calls.get(this.#tables.keys, { k: text(keyText(key)) });
    return item && this.#entryOfKey(key, item);
  }

  async #entryOfKey(key: IdempotencyKey, item: FoundItem): Promise<StoredEntry> {
    const { conversationId } = key;
    const messageId = numberIn(item, "i");
    const found = await this.entry(conversationId, messageId);
    if (found !== undefined) return found;
    const { firstId } = (await this.head(conversationId)) ?? EMPTY_HEAD;
    if (messageId < firstId) return prunedEntry(key, messageId, numberIn(item, "t"));
    throw unavailable(`Entry ${messageId} of a conversation is missing from DynamoDB.`);
  }

  async entry(conversationId: string, messageId: number): Promise<StoredEntry | undefined> {
    const item = await this.#calls.get(this.#tables.messages, placeOf(conversationId, messageId));
    return item && entryIn(conversationId, item);
  }

  async read({ conversationId, after, before, order, limit, maxBytes }: ReadQuery): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = [];
    let [low, high] = [Math.max(after + 1, 1), Math.min(before - 1, Number.MAX_SAFE_INTEGER)];
    let bytes = 0;
    while (low <= high && entries.length < limit && bytes <= maxBytes) {
      const { Items = [], LastEvaluatedKey } = await this.#calls.run((client, options) =>
        client.query(
          {
            TableName: this.#tables.messages,
            KeyConditionExpression: "c = :c AND i BETWEEN :low AND :high",
            ExpressionAttributeValues: {
              ":c": text(conversationId),
              ":low": number(low),
              ":high": number(high),
            },
            ConsistentRead: true,
            ScanIndexForward: order === "ascending",
            Limit: limit - entries.length,
          },
          options,
        ),
      );
      for (const item of Items) {
        const entry = entryIn(conversationId, item);
        entries.push(entry);
        bytes += contentBytes(entry);
        if (bytes > maxBytes) break;
      }
      const last = entries[entries.length - 1];
      if (LastEvaluatedKey === undefined || last === undefined) break;
      if (order === "ascending") low = last.messageId + 1;
      else high = last.messageId - 1;
    }
    return order === "ascending" ? entries : entries.reverse();
  }

  wipe(query: Parameters<MessageLog["wipe"]>[0]): ReturnType<MessageLog["wipe"]> {
    return this.#redactions.wipe(query);
  }

  async head(conversationId: string): Promise<Head | undefined> {
    const item = await this.#calls.get(this.#tables.messages, placeOf(conversationId, 0));
    return item && headIn(item);
  }

  /** The head, which is not below what a row has seen. @throws ChatError `store_unavailable` */
  async headBehind(conversationId: string, seen: number): Promise<Head> {
    const head = (await this.head(conversationId)) ?? EMPTY_HEAD;
    if (head.head >= seen) return head;
    throw unavailable(
      `The log of conversation ${conversationId} ends at ${head.head}, but its row has seen ${seen}: the tables in DynamoDB were put back to an earlier time, or are others. Put the conversation store back to that time, too.`,
    );
  }

  async prune({
    conversationId,
    keepFrom,
    keepSince,
    through,
    limit,
  }: Parameters<MessageLog["prune"]>[0]): ReturnType<MessageLog["prune"]> {
    const { firstId } = (await this.head(conversationId)) ?? EMPTY_HEAD;
    const span = { conversationId, after: 0, before: through + 1, order: "ascending" } as const;
    const oldest = await this.read({ ...span, limit, maxBytes: Number.MAX_SAFE_INTEGER });
    const kept = oldest.findIndex(
      ({ messageId, createdAt }) => messageId >= keepFrom && createdAt >= keepSince,
    );
    const gone = kept === -1 ? oldest : oldest.slice(0, kept);
    const next = Math.max(firstId, (gone[gone.length - 1]?.messageId ?? 0) + 1);
    // What lies below the first id is not there for anybody; what a crash leaves is deleted with the next run.
    await this.#calls.update({
      TableName: this.#tables.messages,
      Key: placeOf(conversationId, 0),
      UpdateExpression: "SET p = :p",
      ConditionExpression: "attribute_exists(c) AND (attribute_not_exists(p) OR p < :p)",
      ExpressionAttributeValues: { ":p": number(next) },
    });
    await this.#calls.batch(
      this.#tables.messages,
      gone.map(({ messageId }) => ({ DeleteRequest: { Key: placeOf(conversationId, messageId) } })),
    );
    return { pruned: gone.filter(({ messageId }) => messageId >= firstId).length, firstId: next };
  }
}
