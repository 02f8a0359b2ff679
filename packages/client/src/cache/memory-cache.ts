import { ChatError, type Entry, newUuid, type Random, type UserProfile } from "@chat/protocol";
import { applyChanges, type Stores } from "./apply-changes.js";
import type {
  Cache,
  CachedConversation,
  CacheChanges,
  CacheMeta,
  CacheReadQuery,
  OutboxItem,
} from "./cache.js";

/** What {@link memoryCache} needs. */
export interface MemoryCacheOptions {
  /** Where the device's id comes from. */
  readonly random: Random;
}

/** Index of the first entry whose messageId is not below `id`. */
function indexOf(entries: readonly Entry[], id: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.messageId < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A {@link Cache} that lasts as long as the page: where there is no storage, or none for this tab. */
export function memoryCache({ random }: MemoryCacheOptions): Cache {
  const maps = {
    meta: new Map<string, unknown>([["deviceId", newUuid(random)]]),
    conversations: new Map<string, CachedConversation>(),
    /** Per conversation, ascending. */
    entries: new Map<string, Entry[]>(),
    outbox: new Map<string, OutboxItem>(),
    users: new Map<string, UserProfile>(),
  };
  let closed = false;

  function logOf(conversationId: string): Entry[] {
    let log = maps.entries.get(conversationId);
    if (log === undefined) maps.entries.set(conversationId, (log = []));
    return log;
  }

  const stores: Stores = {
    clear: (store) => maps[store].clear(),
    put(store, key, value) {
      if (store !== "entries") return void (maps[store] as Map<unknown, unknown>).set(key, value);
      const [conversationId, messageId] = key as [string, number];
      const log = logOf(conversationId);
      const index = indexOf(log, messageId);
      log.splice(index, log[index]?.messageId === messageId ? 1 : 0, value as Entry);
    },
    remove: (store, key) => maps[store].delete(key),
    removeEntries(conversationId, after, before) {
      const log = logOf(conversationId);
      const from = indexOf(log, after + 1);
      log.splice(from, indexOf(log, before) - from);
    },
    replaceEntries(conversationId, after, before, replace) {
      const log = logOf(conversationId);
      for (let index = indexOf(log, after + 1); index < indexOf(log, before); index++) {
        log[index] = replace(log[index]!) ?? log[index]!;
      }
    },
  };

  function assertOpen(): void {
    if (closed) throw new ChatError("closed", "This cache was closed.");
  }

  // Each method does its work before it returns, so that calls take effect in their order.
  return {
    persistent: false,

    async load() {
      assertOpen();
      return {
        meta: Object.fromEntries(maps.meta) as unknown as CacheMeta,
        conversations: [...maps.conversations.values()],
        outbox: [...maps.outbox.values()].sort((a, b) => a.sequence - b.sequence),
        users: [...maps.users.values()],
      };
    },

    async read(conversationId: string, { after, before, limit, order }: CacheReadQuery) {
      assertOpen();
      const log = logOf(conversationId);
      const from = indexOf(log, after + 1);
      const to = Math.max(from, indexOf(log, before));
      return order === "ascending"
        ? log.slice(from, Math.min(to, from + limit))
        : log.slice(Math.max(from, to - limit), to);
    },

    async commit(changes: CacheChanges) {
      assertOpen();
      let copy: CacheChanges;
      try {
        // What can fail, fails here, before anything is applied. And as with a database, no object is shared with the caller.
        copy = structuredClone(changes);
      } catch (cause) {
        throw new ChatError("storage_failed", "A value can't be stored.", { cause, retryable: false });
      }
      applyChanges(copy, stores);
    },

    async wipe() {
      assertOpen();
      for (const map of Object.values(maps)) map.clear();
      closed = true;
    },

    async close() {
      closed = true;
    },
  };
}
