import type { MemberReceipt } from "@chat/protocol";
import type { KeptReceipt } from "../advance-receipt.js";
import type { LogPlace, ReceiptCounts, ToldReceipt } from "../conversation-store.js";
import {
  numberOf,
  type RawKeptReceipt,
  toKeptReceipt,
  toMutedUntil,
  toToldReceipt,
} from "../sql/raw-receipt.js";
import type { StoredEntry } from "../stored-entry.js";
import type { SqliteConnection } from "./sqlite-connection.js";

const COLUMNS = `delivered, read, read_ordinal AS readOrdinal, unread_version AS unreadVersion, unread_from AS unreadFrom,
  unread_ordinal AS unreadOrdinal, mute_version AS muteVersion, muted_until AS mutedUntil,
  privacy_version AS privacyVersion, typing, read_receipts AS readReceipts, shown_read AS shownRead,
  (SELECT u.read_receipts FROM chat_user u WHERE u.id = user) AS userReadReceipts`;

/** The queries, by what they do. The tests look at their plans. */
export const RECEIPT_QUERIES = {
  // A membership begins with everything before it read.
  joinReceipts: `INSERT INTO chat_receipt (conversation, user, delivered, read, read_ordinal, change)
    SELECT ?, value, ?, ?, ?, 0 FROM json_each(?)`,
  leaveReceipts: `DELETE FROM chat_receipt WHERE conversation = ? AND user IN (SELECT value FROM json_each(?))`,
  sent: `UPDATE chat_receipt SET delivered = ?, read = ?, read_ordinal = ?,
      unread_version = unread_version + (unread_from IS NOT NULL), unread_from = NULL, unread_ordinal = NULL,
      shown_read = NULL
    WHERE conversation = ? AND user = ?`,
  moveMarks: `UPDATE chat_receipt SET unread_version = unread_version + 1, unread_from = ?, unread_ordinal = ?
    WHERE conversation = ? AND unread_from < ?`,
  receipt: `SELECT ${COLUMNS} FROM chat_receipt WHERE conversation = ? AND user = ?`,
  saveReceipt: `UPDATE chat_receipt SET delivered = ?, read = ?, read_ordinal = ?, unread_version = ?, unread_from = ?,
      unread_ordinal = ?, mute_version = ?, muted_until = ?, privacy_version = ?, typing = ?, read_receipts = ?,
      shown_read = ?, change = ?
    WHERE conversation = ? AND user = ?`,
  receipts: `SELECT user AS userId, delivered, coalesce(shown_read, read) AS read FROM chat_receipt
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND user > ? ORDER BY user LIMIT ?`,
  receiptChanges: `SELECT user AS userId, ${COLUMNS} FROM chat_receipt
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND change > ?`,
  countReceipts: `SELECT count(*) AS members, count(CASE WHEN delivered >= ? THEN 1 END) AS delivered,
      count(CASE WHEN coalesce(shown_read, read) >= ? THEN 1 END) AS read FROM chat_receipt
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?)`,
} as const;

/** How far members have come. */
export class SqliteReceipts {
  readonly #connection: SqliteConnection;
  /** What the senders of this transaction have come to, by conversation and user; written once for all of their messages. */
  readonly #sent = new Map<number, Map<string, LogPlace>>();

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  join(key: number, { messageId, ordinal }: LogPlace, userIds: readonly string[]): void {
    const users = JSON.stringify(userIds);
    this.#run("joinReceipts", key, messageId, messageId, ordinal, users);
  }

  leave(key: number, userIds: readonly string[]): void {
    this.flush();
    this.#run("leaveReceipts", key, JSON.stringify(userIds));
  }

  /** A message was stored: its sender has seen everything up to it. */
  sent(key: number, { senderId, messageId, ordinal }: StoredEntry): void {
    const senders = this.#sent.get(key) ?? new Map<string, LogPlace>();
    this.#sent.set(key, senders);
    senders.set(senderId, { messageId, ordinal });
  }

  /** The entries below an id are deleted: marks move up to it, and count from the last ordinal before it. */
  pruned(key: number, firstId: number, ordinal: number): void {
    this.flush();
    this.#run("moveMarks", firstId, ordinal, key, firstId);
  }

  /** Writes what {@link sent} has noted. */
  flush(): void {
    for (const [key, senders] of this.#sent) {
      for (const [userId, { messageId, ordinal }] of senders) {
        this.#run("sent", messageId, messageId, ordinal, key, userId);
      }
    }
    this.#sent.clear();
  }

  /** Of a member; undefined of anybody else. */
  of(key: number, userId: string): KeptReceipt | undefined {
    this.flush();
    const raw = this.#connection.prepare(RECEIPT_QUERIES.receipt).get(key, userId);
    return raw === undefined ? undefined : toKeptReceipt(raw as RawKeptReceipt);
  }

  save(key: number, userId: string, { receipt, shownRead }: KeptReceipt, change: number): void {
    const { delivered, read, readOrdinal, unread, mute, privacy } = receipt;
    const { version, from, ordinal } = unread ?? { version: 0 };
    const mark = [version, from ?? null, ordinal ?? null] as const;
    const muted = [mute?.version ?? 0, toMutedUntil(mute)] as const;
    const told = [privacy?.version ?? 0, numberOf(privacy?.typing), numberOf(privacy?.readReceipts)] as const;
    const shown = shownRead === read ? null : shownRead;
    this.#run(
      "saveReceipt",
      ...[delivered, read, readOrdinal, ...mark, ...muted, ...told, shown],
      ...[change, key, userId],
    );
  }

  page(conversationId: string, after: string, limit: number): MemberReceipt[] {
    return this.#connection
      .prepare(RECEIPT_QUERIES.receipts)
      .all(conversationId, after, limit) as MemberReceipt[];
  }

  changes(conversationId: string, since: number): readonly ToldReceipt[] {
    const rows = this.#connection.prepare(RECEIPT_QUERIES.receiptChanges).all(conversationId, since);
    return (rows as (RawKeptReceipt & { userId: string })[]).map(toToldReceipt);
  }

  count(conversationId: string, messageId: number): ReceiptCounts {
    return this.#connection
      .prepare(RECEIPT_QUERIES.countReceipts)
      .get(messageId, messageId, conversationId) as ReceiptCounts;
  }

  #run(query: keyof typeof RECEIPT_QUERIES, ...parameters: (string | number | null)[]): void {
    this.#connection.prepare(RECEIPT_QUERIES[query]).run(...parameters);
  }
}
