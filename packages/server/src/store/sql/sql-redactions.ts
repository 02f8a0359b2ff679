import { ChatError, isSendableKind } from "@chat/protocol";
import { ERASED_AT_ONCE, type RedactionTarget } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import type { ConversationState } from "./conversation-batch.js";
import { decodeBody } from "../entry-body.js";
import type { SqlTransaction } from "./sql-engine.js";

/** The entries whose bodies a redaction takes away, those that have one; or why it can't be. */
export async function redactionTargets(
  transaction: SqlTransaction,
  state: ConversationState,
  { messageId, ...erasure }: RedactionTarget,
): Promise<readonly StoredEntry[] | ChatError> {
  if (messageId !== undefined) {
    const [entry] = await entriesOf(transaction, state, [messageId]);
    if (entry === undefined) return new ChatError("not_found", "There is no such message.");
    if (!isSendableKind(entry.kind)) {
      return new ChatError("invalid_argument", "Only messages can be redacted.");
    }
    return bodiesOf([entry]);
  }
  const { userId, wipedThrough } = erasure as Extract<RedactionTarget, { userId: string }>;
  const ids = await idsWrittenBy(transaction, state, userId, wipedThrough, ERASED_AT_ONCE + 1);
  if (ids.length > ERASED_AT_ONCE) {
    return new ChatError(
      "limit_exceeded",
      "Too many bodies are left; wipe them before this entry is stored.",
    );
  }
  return bodiesOf(await messagesOf(transaction, state, ids));
}

/** Ids of what a user wrote above an id, the lowest first. */
export async function idsWrittenBy(
  transaction: SqlTransaction,
  { key }: ConversationState,
  userId: string,
  after: number,
  limit: number,
): Promise<readonly number[]> {
  const rows = await transaction.all<{ readonly message: number }>("written", [key, userId, after, limit]);
  return rows.map(({ message }) => message);
}

/** Those of the entries that are messages, in the order of the ids. */
export async function messagesOf(
  transaction: SqlTransaction,
  state: ConversationState,
  ids: readonly number[],
): Promise<readonly StoredEntry[]> {
  const entries = await entriesOf(transaction, state, ids);
  return entries.filter(({ kind }) => isSendableKind(kind));
}

/** Those of the entries that have a body to be wiped. */
export function bodiesOf(entries: readonly StoredEntry[]): readonly StoredEntry[] {
  return entries.filter(({ redacted }) => redacted !== true);
}

async function entriesOf(
  transaction: SqlTransaction,
  { key, id: conversationId }: ConversationState,
  ids: readonly number[],
): Promise<readonly StoredEntry[]> {
  if (ids.length === 0) return [];
  const rows = await transaction.all<{ readonly id: number; readonly body: Uint8Array }>("bodies", [
    key,
    ids,
  ]);
  return rows.map(({ id, body }) => decodeBody(conversationId, id, body));
}
