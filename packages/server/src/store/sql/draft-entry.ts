import { ENTRY_KINDS, type JsonObject } from "@chat/protocol";
import { chainFingerprint } from "../chain-fingerprint.js";
import type { Draft, Head, IdempotencyKey, RedactionTarget } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";

/** The entry that a draft becomes at the end of its conversation's log. */
export function entryOf(
  draft: Draft,
  state: Pick<Head, "head" | "ordinal" | "fingerprint" | "lastRedaction">,
): StoredEntry {
  const { conversationId, senderId, deviceId, clientMessageId, kind, createdAt } = draft;
  const messageId = state.head + 1;
  const identity = { messageId, senderId, deviceId, clientMessageId, createdAt };
  return {
    conversationId,
    ...identity,
    kind,
    ...(draft.text !== undefined && { text: draft.text }),
    ...(draft.redaction !== undefined
      ? { data: redactionData(draft.redaction, state.lastRedaction) }
      : draft.data !== undefined && { data: draft.data }),
    ...(draft.replyTo !== undefined && { replyTo: draft.replyTo }),
    ...(draft.mentions !== undefined && { mentions: draft.mentions }),
    ordinal: state.ordinal + (draft.countsAsUnread ? 1 : 0),
    fingerprint: chainFingerprint(state.fingerprint, identity),
  };
}

/** What is known of an entry that is no longer kept. */
export function prunedEntry(
  {
    conversationId,
    senderId,
    deviceId,
    clientMessageId,
    ...rest
  }: IdempotencyKey & { readonly kind?: string },
  messageId: number,
  createdAt: number,
): StoredEntry {
  const { kind = ENTRY_KINDS.text } = rest;
  const key = { conversationId, senderId, deviceId, clientMessageId };
  return { ...key, messageId, kind, createdAt, ordinal: 0, fingerprint: 0, redacted: true };
}

function redactionData({ messageId, userId }: RedactionTarget, previous: number): JsonObject {
  return messageId === undefined ? { userId, previous } : { messageId, previous };
}
