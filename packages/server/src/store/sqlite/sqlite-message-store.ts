import { ChatError, isChatError } from "@chat/protocol";
import { contentBytes } from "../content-bytes.js";
import type {
  AppendOutcome,
  Draft,
  Head,
  IdempotencyKey,
  MessageStore,
  ReadQuery,
} from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { AppendCall } from "../sql/append-call.js";
import { loadOf } from "../sql/commit-load.js";
import { isKeptOut } from "../is-kept-out.js";
import { entryOf, prunedEntry } from "../sql/draft-entry.js";
import { decodeBody, encodeBody, packId } from "../entry-body.js";
import { type RawHead, toHeads } from "../sql/raw-head.js";
import { membershipProblem, usersOf } from "../sql/membership-problem.js";
import { unavailable } from "../sql/unavailable.js";
import { type ConversationState, type ConversationStates, IS_BLOCKED } from "./conversation-states.js";
import type { GroupCommit, Job } from "./group-commit.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { SqliteRedactions } from "./sqlite-redactions.js";

const READ = `
  SELECT id, body FROM chat_message
  WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND id > ? AND id < ?`;

/** The queries, by what they do. The tests look at their plans. */
export const MESSAGE_QUERIES = {
  // The insert that finds the key taken tells a duplicate without a look-up of its own.
  takeKey: "INSERT INTO chat_key VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  findKey:
    "SELECT message FROM chat_key WHERE conversation = ? AND client_message = ? AND sender = ? AND device = ?",
  find: `
    SELECT k.message AS id, m.body, c.created_at AS createdAt FROM chat_conversation c
    JOIN chat_key k ON k.conversation = c.key AND k.client_message = ? AND k.sender = ? AND k.device = ?
    LEFT JOIN chat_message m ON m.conversation = c.key AND m.id = k.message
    WHERE c.id = ?`,
  insert: "INSERT INTO chat_message VALUES (?, ?, ?)",
  readOne: "SELECT body FROM chat_message WHERE conversation = ? AND id = ?",
  ascending: `${READ} ORDER BY id LIMIT ?`,
  descending: `${READ} ORDER BY id DESC LIMIT ?`,
  heads: `
    SELECT id, head, fingerprint, ordinal, membership_version AS membershipVersion, first_id AS firstId,
      last_redaction AS lastRedaction,
      ${IS_BLOCKED} AS isBlocked
    FROM chat_conversation
    WHERE id IN (SELECT value FROM json_each(?))`,
} as const;

interface MessageRow {
  readonly id: number;
  readonly body: Uint8Array;
}

/** What of the store's settings is needed here. */
export interface MessageLimits {
  /** The most members of one conversation. */
  readonly groupMembers: number;
}

type WipeQuery = Parameters<MessageStore["wipe"]>[0];
type Wiped = Awaited<ReturnType<MessageStore["wipe"]>>;

/** The message store on SQLite, see {@link MessageStore}. */
export class SqliteMessageStore implements MessageStore {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;
  readonly #limits: MessageLimits;
  readonly #redactions: SqliteRedactions;

  constructor(connection: SqliteConnection, commits: GroupCommit<ConversationStates>, limits: MessageLimits) {
    this.#connection = connection;
    this.#commits = commits;
    this.#limits = limits;
    this.#redactions = new SqliteRedactions(connection);
  }

  append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    if (drafts.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const call = new AppendCall(drafts, resolve);
      const jobs = drafts.map((draft, index): Job<ConversationStates> => ({
        load: loadOf(draft),
        run: (states) =>
          call.note(
            index,
            this.#store(states, draft, () => call.refusalBehindAnother(index)),
          ),
        committed: () => call.settle(),
        refused: (error) => call.refuse(index, error),
      }));
      try {
        this.#commits.add(jobs);
      } catch (error) {
        if (!isChatError(error)) throw error;
        for (const index of drafts.keys()) call.refuse(index, error);
      }
    });
  }

  find(key: IdempotencyKey): Promise<StoredEntry | undefined> {
    return this.#connection.run(() => {
      const { conversationId, senderId, deviceId, clientMessageId } = key;
      const statement = this.#connection.prepare(MESSAGE_QUERIES.find);
      const row = statement.get(packId(clientMessageId), senderId, packId(deviceId), conversationId);
      if (row === undefined) return undefined;
      const { id, body, createdAt } = row as { id: number; body: Uint8Array | null; createdAt: number };
      return body === null ? prunedEntry(key, id, createdAt) : decodeBody(conversationId, id, body);
    });
  }

  read({
    conversationId,
    after,
    before,
    order,
    limit,
    maxBytes,
  }: ReadQuery): Promise<readonly StoredEntry[]> {
    return this.#connection.run(() => {
      const entries: StoredEntry[] = [];
      let bytes = 0;
      const statement = this.#connection.prepare(MESSAGE_QUERIES[order]);
      // Row by row, so that a page of the largest messages is not loaded only to be thrown away.
      for (const row of statement.iterate(conversationId, after, before, limit)) {
        const { id, body } = row as MessageRow;
        const entry = decodeBody(conversationId, id, body);
        entries.push(entry);
        bytes += contentBytes(entry);
        if (bytes > maxBytes) break;
      }
      return order === "ascending" ? entries : entries.reverse();
    });
  }

  wipe({ conversationId, userId, after, limit }: WipeQuery): Promise<Wiped> {
    return this.#commits.write((states) => {
      const state = states.get(conversationId);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const { messages, through } = this.#redactions.writtenBy(state, conversationId, userId, after, limit);
      const entries = messages.filter(({ redacted }) => redacted !== true);
      this.#redactions.wipe(states, state, entries);
      return { found: messages.length, wiped: entries.length, through };
    });
  }

  heads(conversationIds: readonly string[]): Promise<ReadonlyMap<string, Head>> {
    return this.#connection.run(() => {
      const statement = this.#connection.prepare(MESSAGE_QUERIES.heads);
      return toHeads(statement.all(JSON.stringify(conversationIds)) as RawHead[]);
    });
  }

  /** Stores one draft inside a transaction, or says why not; writes nothing if it says why not. */
  #store(
    states: ConversationStates,
    draft: Draft,
    behindAnother: () => ChatError | undefined,
  ): AppendOutcome {
    const state = states.get(draft.conversationId);
    if (state === undefined) return refused("not_found", "There is no such conversation.");
    const refusal =
      behindAnother() ??
      (draft.membershipVersion === state.membershipVersion && !isKeptOut(draft, state)
        ? undefined
        : new ChatError(
            "membership_moved",
            "The conversation's membership has moved since this was allowed.",
          ));
    // The key comes before any refusal. Without one in sight, taking it looks it up as well.
    if (refusal !== undefined || draft.membership !== undefined) {
      const messageId = this.#findKey(state, draft);
      if (messageId !== undefined) return this.#duplicate(state, draft, messageId);
    }
    if (refusal !== undefined) return { status: "refused", error: refusal };
    const { membership } = draft;
    const standings = membership && states.standings(state, usersOf(membership));
    const problem =
      membership && membershipProblem(state.memberCount, membership, standings!, this.#limits.groupMembers);
    if (problem !== undefined) return { status: "refused", error: problem };
    const { redaction } = draft;
    const wiped = redaction && this.#redactions.targets(state, draft.conversationId, redaction);
    if (isChatError(wiped)) return { status: "refused", error: wiped };

    const entry = entryOf(draft, state);
    let body: Uint8Array;
    try {
      body = encodeBody(entry);
    } catch (cause) {
      return {
        status: "refused",
        error: new ChatError("data_invalid", "data holds what can't be stored.", { cause }),
      };
    }
    const key = [state.key, packId(draft.clientMessageId), draft.senderId, packId(draft.deviceId)] as const;
    if (this.#connection.prepare(MESSAGE_QUERIES.takeKey).run(...key, entry.messageId).changes === 0) {
      return this.#duplicate(state, draft, this.#findKey(state, draft)!);
    }
    this.#connection.prepare(MESSAGE_QUERIES.insert).run(state.key, entry.messageId, body);
    states.move(entry, membership, standings, draft.update);
    if (wiped !== undefined) {
      states.redacted(draft.conversationId, entry.messageId);
      this.#redactions.wipe(states, state, wiped);
    }
    return { status: "stored", entry };
  }

  #findKey(
    state: ConversationState,
    { senderId, deviceId, clientMessageId }: IdempotencyKey,
  ): number | undefined {
    const statement = this.#connection.prepare(MESSAGE_QUERIES.findKey);
    const row = statement.get(state.key, packId(clientMessageId), senderId, packId(deviceId));
    return (row as { message: number } | undefined)?.message;
  }

  #duplicate(state: ConversationState, draft: Draft, messageId: number): AppendOutcome {
    const row = this.#connection.prepare(MESSAGE_QUERIES.readOne).get(state.key, messageId);
    if (row === undefined) {
      if (messageId < state.firstId) {
        return { status: "duplicate", entry: prunedEntry(draft, messageId, draft.createdAt) };
      }
      throw unavailable(`Entry ${messageId} of a conversation is missing from the database.`);
    }
    return {
      status: "duplicate",
      entry: decodeBody(draft.conversationId, messageId, (row as MessageRow).body),
    };
  }
}

function refused(code: "not_found", message: string): AppendOutcome {
  return { status: "refused", error: new ChatError(code, message) };
}
