import { ChatError, isSendableKind, tombstoneOf } from "@chat/protocol";
import { ERASED_AT_ONCE, type RedactionTarget } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { decodeBody, encodeBody } from "../entry-body.js";
import type { ConversationState, ConversationStates } from "./conversation-states.js";
import type { SqliteConnection } from "./sqlite-connection.js";

/** The queries, by what they do. The tests look at their plans. */
export const REDACTION_QUERIES = {
  body: "SELECT body FROM chat_message WHERE conversation = ? AND id = ?",
  page: "SELECT id, body FROM chat_message WHERE conversation = ? AND id > ? ORDER BY id LIMIT ?",
  wipe: "UPDATE chat_message SET body = ? WHERE conversation = ? AND id = ?",
} as const;

/** Entries of all that the commit of an `erased` entry looks through. */
const LOOKED_THROUGH = 5_000;

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
      const entry = this.#entry(state, conversationId, messageId);
      if (entry === undefined) return new ChatError("not_found", "There is no such message.");
      if (!isSendableKind(entry.kind)) {
        return new ChatError("invalid_argument", "Only messages can be redacted.");
      }
      return entry.redacted === true ? [] : [entry];
    }
    const { userId, wipedThrough } = erasure as Extract<RedactionTarget, { userId: string }>;
    const found = this.writtenBy(state, conversationId, userId, wipedThrough, LOOKED_THROUGH);
    const entries = found.messages.filter(({ redacted }) => redacted !== true);
    if (entries.length > ERASED_AT_ONCE || found.through < state.head) {
      return new ChatError(
        "limit_exceeded",
        "Too many bodies are left; wipe them before this entry is stored.",
      );
    }
    return entries;
  }

  /**
   * The messages of a user among so many entries above an id, and up to where those reach. No index names the authors: it would have to be
   * written with every message, for an erasure that may take its time.
   */
  writtenBy(
    state: ConversationState,
    conversationId: string,
    userId: string,
    after: number,
    limit: number,
  ): { readonly messages: readonly StoredEntry[]; readonly through: number } {
    const messages: StoredEntry[] = [];
    let [seen, through] = [0, after];
    for (const row of this.#connection.prepare(REDACTION_QUERIES.page).iterate(state.key, after, limit)) {
      const { id, body } = row as { id: number; body: Uint8Array };
      const entry = decodeBody(conversationId, id, body);
      if (entry.senderId === userId && isSendableKind(entry.kind)) messages.push(entry);
      seen++;
      through = id;
    }
    return { messages, through: seen < limit ? state.head : through };
  }

  wipe(states: ConversationStates, state: ConversationState, entries: readonly StoredEntry[]): void {
    for (const entry of entries) {
      const body = encodeBody(tombstoneOf(entry));
      this.#connection.prepare(REDACTION_QUERIES.wipe).run(body, state.key, entry.messageId);
      states.wiped(entry);
    }
  }

  #entry(state: ConversationState, conversationId: string, id: number): StoredEntry | undefined {
    const row = this.#connection.prepare(REDACTION_QUERIES.body).get(state.key, id);
    return row === undefined ? undefined : decodeBody(conversationId, id, (row as { body: Uint8Array }).body);
  }
}
