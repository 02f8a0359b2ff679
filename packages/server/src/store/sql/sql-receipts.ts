import type { MemberReceipt } from "@chat/protocol";
import type {
  AdvancedReceipt,
  Page,
  ReceiptAdvance,
  ReceiptCounts,
  ToldReceipt,
} from "../conversation-store.js";
import type { LoadedReceipt } from "./batch-receipts.js";
import { ConversationBatch, type LockedConversation } from "./conversation-batch.js";
import { pageOf } from "./page-of.js";
import { type RawKeptReceipt, toToldReceipt } from "./raw-receipt.js";
import { ReceiptQueue } from "./receipt-queue.js";
import type { SqlEngine } from "./sql-engine.js";
import { feedRows } from "./sql-feed.js";

/** What of the store's settings is needed here. */
export interface ReceiptLimits {
  /** Up to so many members of a conversation are told how far each other has come. */
  readonly receiptMembers: number;
}

/** How far members have come, on a SQL server. */
export class SqlReceipts {
  readonly #engine: SqlEngine;
  readonly #limits: ReceiptLimits;
  readonly #queue: ReceiptQueue;

  constructor(engine: SqlEngine, limits: ReceiptLimits) {
    this.#engine = engine;
    this.#limits = limits;
    this.#queue = new ReceiptQueue((advances) => this.#advance(advances));
  }

  /** As {@link ConversationStore.advanceReceipts}. */
  async advance(advances: readonly ReceiptAdvance[]): Promise<readonly (AdvancedReceipt | undefined)[]> {
    return advances.length === 0 ? [] : this.#queue.add(advances);
  }

  /** As {@link ConversationStore.receipts}. */
  async page(
    conversationId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberReceipt>> {
    const found = await this.#engine.read<MemberReceipt>("receipts", [conversationId, page, limit + 1]);
    return pageOf(found, limit, ({ userId }) => userId);
  }

  /** As {@link ConversationStore.receiptChanges}. */
  async changes(conversationId: string, cursor: string): Promise<readonly ToldReceipt[]> {
    const values = (since: number) => [since, conversationId];
    const isRow = ({ userId }: { readonly userId: string | null }): boolean => userId !== null;
    const { rows } = await feedRows<RawKeptReceipt & { readonly userId: string }>(
      this.#engine,
      "receiptChanges",
      cursor,
      values,
      isRow,
    );
    return rows.map(toToldReceipt);
  }

  /** As {@link ConversationStore.countReceipts}. */
  async count(conversationId: string, messageId: number): Promise<ReceiptCounts> {
    const [counts] = await this.#engine.read<ReceiptCounts>("countReceipts", [conversationId, messageId]);
    return counts!;
  }

  #advance(advances: readonly ReceiptAdvance[]): Promise<readonly (AdvancedReceipt | undefined)[]> {
    const ids = [...new Set(advances.map(({ conversationId }) => conversationId))].sort();
    return this.#engine.transact(async (transaction) => {
      const locked = await transaction.all<LockedConversation>("lock", [ids, []]);
      const keys = new Map(locked.map(({ id, key }) => [id, key]));
      const named = advances.filter(({ conversationId }) => keys.has(conversationId));
      const pairs = new Map(
        named.map(({ conversationId, userId }) => [
          `${conversationId}\0${userId}`,
          { conversationId, userId },
        ]),
      );
      const wanted = [...pairs.values()];
      const loaded = await transaction.all<LoadedReceipt>("receiptsOf", [
        wanted.map(({ conversationId }) => keys.get(conversationId)!),
        wanted.map(({ userId }) => userId),
      ]);
      const batch = new ConversationBatch(locked, [], loaded);
      const advanced = advances.map((advance) => batch.advance(advance, this.#limits.receiptMembers));
      await transaction.write(batch.writes());
      return advanced;
    });
  }
}
