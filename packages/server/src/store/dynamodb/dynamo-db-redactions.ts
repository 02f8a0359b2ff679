import { ChatError, isSendableKind, newUuid, tombstoneOf } from "@chat/protocol";
import type { MessageLog, PendingDraft } from "../message-log.js";
import { ERASED_AT_ONCE, type Head, type RedactionTarget } from "../message-store.js";
import { entryOf } from "../sql/draft-entry.js";
import { unavailable } from "../sql/unavailable.js";
import type { StoredEntry } from "../stored-entry.js";
import { itemOf, membershipMoved, movedBy } from "./append-plan.js";
import type { DynamoDbCalls } from "./dynamo-db-calls.js";
import type { Item, TransactWrite } from "./dynamo-db-client.js";
import { cancellationOf } from "./dynamo-db-failure.js";
import { entryItem, headUpdate, placeOf } from "./dynamo-db-items.js";
import type { TableNames } from "./dynamo-db-tables.js";

/** Entries that are read at once to find what a user has written. */
const ENTRIES_AT_ONCE = 1_000;
const BYTES_AT_ONCE = 4_194_304;
/** Entries that are looked through in one call of `wipe`. */
const LOOKED_THROUGH = 10_000;
/** How often other servers may come first before a redaction is given up. */
const ATTEMPTS = 50;

type WipeQuery = Parameters<MessageLog["wipe"]>[0];

/** What is needed of the log. */
interface Log extends Pick<MessageLog, "find" | "read" | "head"> {
  entry(conversationId: string, messageId: number): Promise<StoredEntry | undefined>;
  headBehind(conversationId: string, seen: number): Promise<Head>;
  writesOf(entry: StoredEntry, item: Item): readonly TransactWrite[];
}

/** Takes bodies away. */
export class DynamoDbRedactions {
  readonly #calls: DynamoDbCalls;
  readonly #tables: TableNames;
  readonly #log: Log;

  constructor(calls: DynamoDbCalls, tables: TableNames, log: Log) {
    this.#calls = calls;
    this.#tables = tables;
    this.#log = log;
  }

  /**
   * Stores the entry of a redaction. One message becomes a tombstone in the same transaction. What an erasure finds, which may be
   * more than a transaction takes, becomes tombstones before, and the entry is stored only if nothing was appended since.
   */
  async append(pending: PendingDraft, seen: number): Promise<void> {
    const { draft } = pending;
    const { conversationId, redaction } = draft;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const known = await this.#log.find(draft);
      if (known !== undefined) return pending.note({ status: "duplicate", entry: known });
      const before = await this.#log.headBehind(conversationId, seen);
      const targets =
        pending.refusal() ??
        membershipMoved(pending, before) ??
        (await this.#targets(conversationId, before, redaction!));
      const entry = entryOf(draft, before);
      const item = itemOf(entry);
      if (targets instanceof ChatError) return pending.note({ status: "refused", error: targets });
      if (item instanceof ChatError) return pending.note({ status: "refused", error: item });
      const isOne = redaction!.messageId !== undefined;
      if (!isOne) await this.#wipe(targets);
      const after = { ...movedBy(before, entry, false), lastRedaction: entry.messageId };
      const head = { TableName: this.#tables.messages, Key: placeOf(conversationId, 0) };
      const writes: TransactWrite[] = [
        { Update: { ...head, ...headUpdate(before, after) } },
        ...this.#log.writesOf(entry, item),
        ...(isOne ? targets.map((target) => this.#tombstone(target)) : []),
      ];
      try {
        await this.#calls.transact(writes, newUuid(this.#calls.runtime.random));
        return pending.note({ status: "stored", entry });
      } catch (thrown) {
        if (cancellationOf(thrown) === undefined) throw thrown;
      }
    }
    throw unavailable("Other servers write into this conversation all the time; try again later.");
  }

  /** As {@link MessageLog.wipe}. */
  async wipe({ conversationId, userId, after, limit }: WipeQuery): ReturnType<MessageLog["wipe"]> {
    const head = (await this.#log.head(conversationId))?.head ?? 0;
    const { messages, through } = await this.#writtenBy(conversationId, userId, after, head, limit);
    const bodies = messages.filter(({ redacted }) => redacted !== true);
    await this.#wipe(bodies);
    return { found: messages.length, wiped: bodies.length, through };
  }

  /** What a redaction takes the bodies of, those that have one; or why it can't be. */
  async #targets(
    conversationId: string,
    { head, firstId }: Head,
    { messageId, ...erasure }: RedactionTarget,
  ): Promise<readonly StoredEntry[] | ChatError> {
    if (messageId !== undefined) {
      const entry = messageId < firstId ? undefined : await this.#log.entry(conversationId, messageId);
      if (entry === undefined || messageId < 1)
        return new ChatError("not_found", "There is no such message.");
      if (!isSendableKind(entry.kind)) {
        return new ChatError("invalid_argument", "Only messages can be redacted.");
      }
      return entry.redacted === true ? [] : [entry];
    }
    const { userId, wipedThrough } = erasure as Extract<RedactionTarget, { userId: string }>;
    const tooMuch = ERASED_AT_ONCE + 1;
    const found = await this.#writtenBy(conversationId, userId, wipedThrough, head, tooMuch);
    if (found.through < head || found.messages.length === tooMuch) {
      return new ChatError(
        "limit_exceeded",
        "Too many bodies are left; wipe them before this entry is stored.",
      );
    }
    return found.messages.filter(({ redacted }) => redacted !== true);
  }

  /** Messages of a user above an id, the lowest first, and up to where these are all. No index names the author: the log is read. */
  async #writtenBy(
    conversationId: string,
    userId: string,
    after: number,
    head: number,
    limit: number,
  ): Promise<{ readonly messages: readonly StoredEntry[]; readonly through: number }> {
    const messages: StoredEntry[] = [];
    const end = Math.min(head, after + LOOKED_THROUGH);
    for (let at = after; at < end;) {
      const entries = await this.#log.read({
        conversationId,
        after: at,
        before: end + 1,
        order: "ascending",
        limit: ENTRIES_AT_ONCE,
        maxBytes: BYTES_AT_ONCE,
      });
      for (const entry of entries) {
        if (entry.senderId === userId && isSendableKind(entry.kind)) messages.push(entry);
        if (messages.length === limit) return { messages, through: entry.messageId };
      }
      at = entries[entries.length - 1]?.messageId ?? end;
    }
    return { messages, through: Math.max(end, after) };
  }

  #tombstone(entry: StoredEntry): TransactWrite {
    const { b } = entryItem(tombstoneOf(entry));
    return {
      Update: {
        TableName: this.#tables.messages,
        Key: placeOf(entry.conversationId, entry.messageId),
        UpdateExpression: "SET b = :b",
        ConditionExpression: "attribute_exists(c)",
        ExpressionAttributeValues: { ":b": b },
      },
    };
  }

  async #wipe(bodies: readonly StoredEntry[]): Promise<void> {
    const items = bodies.map((entry) => ({ PutRequest: { Item: entryItem(tombstoneOf(entry)) } }));
    await this.#calls.batch(this.#tables.messages, items);
  }
}
