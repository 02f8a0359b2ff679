import { ChatError, type Entry, newUuid, type Random, tombstoneOf, type UserProfile } from "@chat/protocol";
import type {
  Cache,
  CachedConversation,
  CacheChanges,
  CacheMeta,
  CacheReadQuery,
  OutboxItem,
} from "./cache.js";
import { isRedacted } from "./is-redacted.js";

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
  let meta: CacheMeta = { deviceId: newUuid(random) };
  const conversations = new Map<string, CachedConversation>();
  /** Per conversation, ascending. */
  const log = new Map<string, Entry[]>();
  const outbox = new Map<string, OutboxItem>();
  const users = new Map<string, UserProfile>();
  let closed = false;

  function clear(): void {
    conversations.clear();
    log.clear();
    users.clear();
  }

  function put(conversationId: string, entry: Entry): void {
    let entries = log.get(conversationId);
    if (entries === undefined) log.set(conversationId, (entries = []));
    const index = indexOf(entries, entry.messageId);
    entries.splice(index, entries[index]?.messageId === entry.messageId ? 1 : 0, entry);
  }

  function apply(changes: CacheChanges): void {
    if (changes.reset) {
      clear();
      meta = { deviceId: meta.deviceId };
    }
    meta = { ...meta, ...changes.meta };
    for (const id of changes.removeConversations ?? []) {
      conversations.delete(id);
      log.delete(id);
    }
    for (const { conversationId, above } of changes.truncate ?? []) {
      const entries = log.get(conversationId);
      entries?.splice(indexOf(entries, above + 1));
    }
    for (const { conversationId, through } of changes.forget ?? []) {
      const entries = log.get(conversationId);
      entries?.splice(0, indexOf(entries, through + 1));
    }
    for (const conversation of changes.conversations ?? []) {
      conversations.set(conversation.row.conversationId, conversation);
    }
    for (const { conversationId, entries } of changes.entries ?? []) {
      for (const entry of entries) put(conversationId, entry);
    }
    for (const { conversationId, messageId, userId, below } of changes.redact ?? []) {
      const entries = log.get(conversationId) ?? [];
      for (const [index, entry] of entries.entries()) {
        if (isRedacted(entry, messageId, userId, below)) entries[index] = tombstoneOf(entry);
      }
    }
    for (const item of changes.putOutbox ?? []) outbox.set(item.clientMessageId, item);
    for (const id of changes.removeOutbox ?? []) outbox.delete(id);
    for (const user of changes.users ?? []) users.set(user.userId, user);
  }

  function assertOpen(): void {
    if (closed) throw new ChatError("closed", "This cache was closed.");
  }

  // Each method does its work before it returns, so that calls take effect in their order.
  return {
    persistent: false,

    async load() {
      assertOpen();
      return {
        meta,
        conversations: [...conversations.values()],
        outbox: [...outbox.values()].sort((a, b) => a.sequence - b.sequence),
        users: [...users.values()],
      };
    },

    async read(conversationId: string, { after, before, limit, order }: CacheReadQuery) {
      assertOpen();
      const entries = log.get(conversationId) ?? [];
      const from = indexOf(entries, after + 1);
      const to = indexOf(entries, before);
      return order === "ascending"
        ? entries.slice(from, Math.min(to, from + limit))
        : entries.slice(Math.max(from, to - limit), Math.max(from, to));
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
      apply(copy);
    },

    async wipe() {
      assertOpen();
      clear();
      outbox.clear();
      closed = true;
    },

    async close() {
      closed = true;
    },
  };
}
