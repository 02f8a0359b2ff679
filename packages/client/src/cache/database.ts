import { ChatError, type Entry, type UserPrivacy, type UserProfile } from "@chat/protocol";
import type { DBSchema, IDBPDatabase, IDBPTransaction } from "idb";
import type { StoreName, Stores } from "./apply-changes.js";
import { defined } from "../runtime/defined.js";
import type { CachedConversation, CacheMeta, CacheSnapshot, OutboxItem } from "./cache.js";

/** Rises with every change of the stores; `upgrade` brings older databases up to it. */
export const SCHEMA_VERSION = 1;

interface Schema extends DBSchema {
  /** `deviceId`, `epoch`, `cursor`, `privacy`; `generation` names this database for as long as it exists; `leader`, a number. */
  meta: { key: string; value: string | UserPrivacy };
  conversations: { key: string; value: CachedConversation };
  entries: { key: [conversationId: string, messageId: number]; value: Entry };
  outbox: { key: string; value: OutboxItem; indexes: { sequence: number } };
  users: { key: string; value: UserProfile };
}
/** A database that is open. */
export type Database = IDBPDatabase<Schema>;
type Transaction<Mode extends IDBTransactionMode> = IDBPTransaction<Schema, StoreName[], Mode>;

/** All of them: every transaction spans every store. */
export const STORES: StoreName[] = ["meta", "conversations", "entries", "outbox", "users"];

/** Brings a database of an older version up to this one. */
export function upgrade(database: IDBDatabase, oldVersion: number): void {
  if (oldVersion < 1) {
    database.createObjectStore("meta");
    database.createObjectStore("conversations", { keyPath: "row.conversationId" });
    database.createObjectStore("entries");
    database.createObjectStore("outbox", { keyPath: "clientMessageId" }).createIndex("sequence", "sequence");
    database.createObjectStore("users", { keyPath: "userId" });
  }
}

/** Begins a transaction over all stores. */
export function begin<Mode extends "readonly" | "readwrite">(
  database: Database,
  mode: Mode,
  durability: IDBTransactionDurability = "default",
): Transaction<Mode> {
  const transaction = database.transaction(STORES, mode, { durability });
  // idb makes this promise in any case; where nobody waits for it, its failure is told by the requests.
  transaction.done.catch(() => {});
  return transaction;
}

/** Keys of a conversation's entries between two ids, both excluded. */
export function between(conversationId: string, after: number, before: number): IDBKeyRange {
  return IDBKeyRange.bound([conversationId, after], [conversationId, before], true, true);
}

/** The stores as a transaction sees them. @param requests takes what is to be waited for */
function storesIn(transaction: Transaction<"readwrite">, requests: Promise<unknown>[]): Stores {
  const entries = transaction.objectStore("entries");
  return {
    clear: (store) => requests.push(transaction.objectStore(store).clear()),
    put(name, key, value) {
      const store = transaction.objectStore(name);
      // Some find the key in the value.
      requests.push(store.put(value as never, store.keyPath === null ? (key as string) : undefined));
    },
    remove: (store, key) => requests.push(transaction.objectStore(store).delete(key)),
    removeEntries: (...keys) => requests.push(entries.delete(between(...keys))),
    replaceEntries(conversationId, after, before, replace) {
      requests.push(
        (async () => {
          let cursor = await entries.openCursor(between(conversationId, after, before));
          for (; cursor; cursor = await cursor.continue()) {
            const replaced = replace(cursor.value);
            if (replaced) void cursor.update(replaced);
          }
        })(),
      );
    },
  };
}

/** All that is read at start. */
export async function snapshotIn(transaction: Transaction<"readonly">): Promise<CacheSnapshot> {
  const meta = transaction.objectStore("meta");
  const [deviceId, epoch, cursor, privacy, conversations, outbox, users] = await Promise.all([
    meta.get("deviceId"),
    meta.get("epoch"),
    meta.get("cursor"),
    meta.get("privacy"),
    transaction.objectStore("conversations").getAll(),
    transaction.objectStore("outbox").index("sequence").getAll(),
    transaction.objectStore("users").getAll(),
  ]);
  const known = defined({ deviceId, epoch, cursor, privacy }) as CacheMeta;
  return { meta: known, conversations, outbox, users };
}

/** The number of the newest leader; 0 before the first. */
export async function leaderOf(transaction: Transaction<"readonly" | "readwrite">): Promise<number> {
  return Number((await transaction.objectStore("meta").get("leader")) ?? 0);
}

/** Waits for requests and their commit; fails with the transaction's own reason, not with what followed from it. */
export async function settle(
  transaction: Transaction<"readwrite">,
  requests: readonly Promise<unknown>[],
): Promise<void> {
  try {
    await Promise.all([...requests, transaction.done]);
  } catch (error) {
    throw transaction.error ?? error;
  }
}

/**
 * Carries a change out, wholly or not at all.
 * @param leader of this tab
 * @throws ChatError `conflict` if another tab leads, `storage_failed` if a value can't be stored
 */
export async function write(
  database: Database,
  durability: "strict" | "relaxed",
  leader: number,
  change: (stores: Stores) => void,
): Promise<void> {
  const transaction = begin(database, "readwrite", durability);
  const requests: Promise<unknown>[] = [];
  if ((await leaderOf(transaction)) !== leader) {
    transaction.abort();
    throw new ChatError("conflict", "Another tab leads now, and writes.");
  }
  try {
    change(storesIn(transaction, requests));
  } catch (cause) {
    // Without this, IndexedDB would commit the steps before the one that threw.
    transaction.abort();
    await Promise.allSettled(requests);
    throw new ChatError("storage_failed", "A value can't be stored.", { cause, retryable: false });
  }
  await settle(transaction, requests);
}
