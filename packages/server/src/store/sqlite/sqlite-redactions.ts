import { ChatError, isSendableKind, tombstoneOf } from "@chat/protocol";
import { ERASED_AT_ONCE, type RedactionTarget } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { decodeBody, encodeBody } from "../sql/entry-body.js";
import type { ConversationState, ConversationStates } from "./conversation-states.js";
import type { SqliteConnection } from "./sqlite-connection.js";

/** The queries, by what they do. The tests look at their plans. */
export const REDACTION_QUERIES = {
  body: "SELECT body FROM chat_message WHERE conversation = ? AND id = ?",
  // By the idempotency keys, which name the author: no other index does.
  written: `SELECT message FROM chat_key WHERE conversation = ? AND sender = ? AND message > ?
    ORDER BY message LIMIT ?`,
  wipe: "UPDATE chat_message SET body = ? WHERE conversation = ? AND id = ?",
} as const;

/** Makes tombstones, inside a write transaction. */
export class SqliteRedactions {
  readonly #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /** The entries whose bodies a redaction takes away, those that have one; or why it can't be. */
  targets(
    state: ConversationState,
    conversationId: string,
    { messageId, ...erasure }: RedactionTarget,
  ): readonly StoredEntry[] | ChatError {
    if (messageId !== undefined) {
      const [entry] = this.#entries(state, conversationId, [messageId]);
      if (entry === undefined) return new ChatError("not_found", "There is no such message.");
      if (!isSendableKind(entry.kind)) {
        return new ChatError("invalid_argument", "Only messages can be redacted.");
      }
      return entry.redacted === true ? [] : [entry];
    }
    const { userId, wipedThrough } = erasure as Extract<RedactionTarget, { userId: string }>;
    const ids = this.idsOf(state, userId, wipedThrough, ERASED_AT_ONCE + 1);
    if (ids.length > ERASED_AT_ONCE) {
      return new ChatError(
        "limit_exceeded",
        "Too many bodies are left; wipe them before this entry is stored.",
      );
    }
    return this.bodies(state, conversationId, ids);
  }

  /** Ids of what a user wrote above an id, the lowest first. */
  idsOf(state: ConversationState, userId: string, after: number, limit: number): readonly number[] {
    const rows = this.#connection.prepare(REDACTION_QUERIES.written).all(state.key, userId, after, limit);
    return (rows as { message: number }[]).map(({ message }) => message);
  }

  /** Those of the entries that are messages. */
  messages(state: ConversationState, conversationId: string, ids: readonly number[]): readonly StoredEntry[] {
    return this.#entries(state, conversationId, ids).filter(({ kind }) => isSendableKind(kind));
  }

  /** Those of the entries that have a body to be wiped. */
  bodies(state: ConversationState, conversationId: string, ids: readonly number[]): readonly StoredEntry[] {
    return this.messages(state, conversationId, ids).filter(({ redacted }) => redacted !== true);
  }

  wipe(states: ConversationStates, state: ConversationState, entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      const body = encodeBody(tombstoneOf(entry));
      this.#connection.prepare(REDACTION_QUERIES.wipe).run(body, state.key, entry.messageId);
      states.wiped(entry);
    }
  }

  #entries(state: ConversationState, conversationId: string, ids: readonly number[]): readonly StoredEntry[] {
    const statement = this.#connection.prepare(REDACTION_QUERIES.body);
    return ids.flatMap((id) => {
      const row = statement.get(state.key, id) as { body: Uint8Array } | undefined;
      return row === undefined ? [] : decodeBody(conversationId, id, row.body);
    });
  }
}
