import { type Entry, isSendableKind, kindOf, tombstoneOf } from "@chat/protocol";
import type { CacheChanges } from "./cache.js";

/** The stores of a {@link Cache}. */
export type StoreName = "meta" | "conversations" | "entries" | "outbox" | "users";

/** What a change does to stores. Nothing is returned: who applies a change knows how to wait for all of it. */
export interface Stores {
  clear(store: StoreName): void;
  put(store: StoreName, key: unknown, value: unknown): void;
  remove(store: StoreName, key: string): void;
  /** Removes the entries between two ids, both excluded. */
  removeEntries(conversationId: string, after: number, before: number): void;
  /** Replaces some of the entries between two ids, both excluded; what `replace` returns undefined for stays. */
  replaceEntries(
    conversationId: string,
    after: number,
    before: number,
    replace: (entry: Entry) => Entry | undefined,
  ): void;
}

/** True for an entry whose body a redaction takes away: that with the id, or what the user wrote below `below`. */
export function isRedacted(
  entry: Pick<Entry, "messageId" | "senderId" | "kind">,
  messageId: number | undefined,
  userId: string | undefined,
  below: number,
): boolean {
  if (messageId !== undefined) return entry.messageId === messageId;
  return entry.senderId === userId && entry.messageId < below && isSendableKind(kindOf(entry));
}

/** Carries a change out, in the order of its fields. */
export function applyChanges(changes: CacheChanges, stores: Stores): void {
  if (changes.reset) {
    for (const store of ["conversations", "entries", "users"] as const) stores.clear(store);
    for (const key of ["epoch", "cursor"]) stores.remove("meta", key);
  }
  for (const [key, value] of Object.entries(changes.meta ?? {})) stores.put("meta", key, value);
  for (const id of changes.removeConversations ?? []) {
    stores.remove("conversations", id);
    stores.removeEntries(id, -Infinity, Infinity);
  }
  for (const { conversationId, above } of changes.truncate ?? []) {
    stores.removeEntries(conversationId, above, Infinity);
  }
  for (const { conversationId, through } of changes.forget ?? []) {
    stores.removeEntries(conversationId, -Infinity, through + 1);
  }
  for (const conversation of changes.conversations ?? []) {
    stores.put("conversations", conversation.row.conversationId, conversation);
  }
  for (const { conversationId, entries } of changes.entries ?? []) {
    for (const entry of entries) stores.put("entries", [conversationId, entry.messageId], entry);
  }
  for (const { conversationId, messageId, userId, below } of changes.redact ?? []) {
    const [after, before] = messageId ? [messageId - 1, messageId + 1] : [-Infinity, below];
    stores.replaceEntries(conversationId, after, before, (entry) =>
      isRedacted(entry, messageId, userId, below) ? tombstoneOf(entry) : undefined,
    );
  }
  for (const item of changes.putOutbox ?? []) stores.put("outbox", item.clientMessageId, item);
  for (const id of changes.removeOutbox ?? []) stores.remove("outbox", id);
  for (const user of changes.users ?? []) stores.put("users", user.userId, user);
}
