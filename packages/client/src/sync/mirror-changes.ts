import type { Entry } from "@chat/protocol";
import type { CachedConversation, CacheChanges } from "../cache/cache.js";
import { obeying } from "./obey.js";
import { forgetThrough, type Replica } from "./replica.js";
import { cut, mergeEntries } from "./view.js";

/** What mirroring needs of the replicas. */
export interface MirrorEnvironment {
  readonly byId: ReadonlyMap<string, Replica>;
  hold(conversation: CachedConversation): Replica;
  lose(replica: Replica): void;
  forgetAll(): void;
  settle(entries: readonly Entry[]): unknown;
  reopen(replica: Replica): void;
  changed(replica: Replica): void;
}

/** Does to what is in memory what another tab has committed. */
export function mirrorChanges(
  { reset, removeConversations = [], truncate = [], forget = [], redact = [], ...changes }: CacheChanges,
  { byId, hold, lose, forgetAll, settle, reopen, changed }: MirrorEnvironment,
): void {
  const { conversations = [], entries = [] } = changes;
  if (reset) forgetAll();
  for (const id of removeConversations) {
    const replica = byId.get(id);
    if (replica) lose(replica);
  }
  for (const { conversationId, through } of forget) {
    const replica = byId.get(conversationId);
    if (replica) forgetThrough(replica, through);
  }
  for (const conversation of conversations) hold(conversation);
  for (const { conversationId, entries: added } of entries) {
    settle(added);
    const replica = byId.get(conversationId);
    if (!replica?.view) continue;
    replica.view.entries = mergeEntries(replica.view.entries, added);
    cut(replica);
  }
  for (const { conversationId, messageId, userId, below } of redact) {
    const replica = byId.get(conversationId);
    replica?.redacted.set(messageId ?? userId!, below);
    if (replica?.view) replica.view.entries = replica.view.entries.map(obeying(replica));
  }
  for (const { conversationId, above } of truncate) {
    const replica = byId.get(conversationId);
    if (!replica) continue;
    replica.heard = above;
    reopen(replica);
  }
  for (const { row } of conversations) changed(byId.get(row.conversationId)!);
}
