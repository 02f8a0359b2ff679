import { ChatError } from "@chat/protocol";
import { updateOf } from "../conversation-update.js";
import type { FollowedPage, FollowedSpan, LogFollower, Mark, Standings } from "../log-follower.js";
import { membershipOf } from "../membership-entry.js";
import { isWrittenBy, redactionOf } from "../redaction-entry.js";
import { encodeCursor } from "../sql/feed-cursor.js";
import type { LatestElsewhere } from "../sql/latest-elsewhere.js";
import { usersOf } from "../sql/membership-problem.js";
import type { StoredEntry } from "../stored-entry.js";
import type { ConversationStates } from "./conversation-states.js";
import { decodeCursor, feedPosition } from "./feed-position.js";
import type { GroupCommit } from "./group-commit.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { HOUSEKEEPING_QUERIES, type LogRow } from "./sqlite-housekeeping.js";

const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** The queries, by what they do. The tests look at their plans. */
export const FOLLOWER_QUERIES = {
  mark: `INSERT INTO chat_mark (conversation, owner, marked_at, due_at)
    SELECT c.key, ?, ${NOW}, ${NOW} + ? FROM json_each(?) named CROSS JOIN chat_conversation c ON c.id = named.value
    WHERE true
    ON CONFLICT (conversation, owner) DO UPDATE SET marked_at = excluded.marked_at, due_at = excluded.due_at`,
  unmark: `DELETE FROM chat_mark WHERE owner = ? AND marked_at <= ?
    AND conversation IN (SELECT c.key FROM json_each(?) named CROSS JOIN chat_conversation c ON c.id = named.value)`,
  dueMarks: `SELECT m.conversation, c.id AS conversationId, m.owner, m.marked_at AS markedAt, ${NOW} - m.marked_at AS age
    FROM chat_mark m CROSS JOIN chat_conversation c ON c.key = m.conversation
    WHERE m.due_at <= ${NOW} ORDER BY m.due_at LIMIT ?`,
  deferMark: `UPDATE chat_mark SET due_at = ${NOW} + ? WHERE conversation = ? AND owner = ?`,
} as const;

/** Rows that follow a log in another store, on SQLite; see {@link LogFollower}. */
export class SqliteLogFollower implements LogFollower {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;
  readonly #latest: LatestElsewhere;

  constructor(
    connection: SqliteConnection,
    commits: GroupCommit<ConversationStates>,
    latest: LatestElsewhere,
  ) {
    this.#connection = connection;
    this.#commits = commits;
    this.#latest = latest;
  }

  readFrom(log: Parameters<LogFollower["readFrom"]>[0]): void {
    this.#latest.log = log;
  }

  async mark(owner: string, conversationIds: readonly string[], grace: number): Promise<void> {
    await this.#commits.write(() => {
      this.#connection
        .prepare(FOLLOWER_QUERIES.mark)
        .run(owner, Math.round(grace), JSON.stringify(conversationIds));
    });
  }

  async unmark(owner: string, conversationIds: readonly string[], until: number): Promise<void> {
    await this.#commits.write(() => this.#unmark(owner, conversationIds, until));
  }

  async due({ limit, lease }: { readonly limit: number; readonly lease: number }): Promise<readonly Mark[]> {
    const found = await this.#connection.run(() => this.#due(limit));
    // Most of the time there are none, and nothing is to be written.
    if (found.length === 0) return [];
    return this.#commits.write(() => {
      const marks = this.#due(limit);
      for (const { conversation, owner } of marks) {
        this.#connection.prepare(FOLLOWER_QUERIES.deferMark).run(Math.round(lease), conversation, owner);
      }
      return marks.map(({ conversation: _, ...mark }) => mark);
    });
  }

  async advance(entries: readonly StoredEntry[], owner?: string): Promise<readonly string[]> {
    if (entries.length === 0) return [];
    const inOrder = [...entries].sort((left, right) => left.messageId - right.messageId);
    return this.#commits.write((states) => {
      const behind = new Set<string>();
      for (const entry of inOrder) if (!advanceBy(states, entry)) behind.add(entry.conversationId);
      const ids = new Set(inOrder.map(({ conversationId }) => conversationId));
      for (const id of behind) ids.delete(id);
      if (owner !== undefined) this.#unmark(owner, [...ids], Number.MAX_SAFE_INTEGER);
      return [...behind];
    });
  }

  standings(conversationId: string, userIds: readonly string[]): Promise<Standings> {
    return this.#commits.write((states) => {
      const state = states.get(conversationId);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const { membershipVersion, memberCount } = state;
      return { membershipVersion, memberCount, users: states.standings(state, userIds) };
    });
  }

  wiped({ conversationId, userId, through }: Parameters<LogFollower["wiped"]>[0]): Promise<void> {
    return this.#commits.write((states) => {
      if (states.get(conversationId) === undefined) return;
      states.conceal(conversationId, (latest) => latest.messageId <= through && isWrittenBy(latest, userId));
    });
  }

  pruned(conversationId: string, firstId: number, ordinal: number): Promise<void> {
    return this.#commits.write((states) => {
      const state = states.get(conversationId);
      if (state !== undefined && state.firstId < firstId) states.pruned(conversationId, firstId, ordinal);
    });
  }

  async spans({ limit, cursor }: Parameters<LogFollower["spans"]>[0]): Promise<FollowedPage> {
    return this.#connection.snapshot(() => {
      const now = feedPosition(this.#connection);
      const since = cursor === undefined ? 0 : decodeCursor(this.#connection, cursor);
      const rows = this.#connection.prepare(HOUSEKEEPING_QUERIES.log).all(since, limit + 1) as LogRow[];
      const spans: FollowedSpan[] = [];
      let entries = 0;
      for (const { conversationId, firstId, lastId } of rows) {
        entries += lastId - firstId + 1;
        if (spans.length > 0 && entries > limit) break;
        spans.push({ conversationId, firstId, lastId });
      }
      const more = spans.length < rows.length;
      const reached = more ? { ...now, change: rows[spans.length - 1]!.change } : now;
      const start = encodeCursor({ ...now, change: since });
      return { spans, start, cursor: encodeCursor(reached), more };
    });
  }

  #unmark(owner: string, conversationIds: readonly string[], until: number): void {
    this.#connection.prepare(FOLLOWER_QUERIES.unmark).run(owner, until, JSON.stringify(conversationIds));
  }

  #due(limit: number): (Mark & { readonly conversation: number })[] {
    return this.#connection.prepare(FOLLOWER_QUERIES.dueMarks).all(limit) as (Mark & {
      readonly conversation: number;
    })[];
  }
}

/** As for the SQL servers: false if there is a gap, and then nothing was done. @throws ChatError `not_found` */
function advanceBy(states: ConversationStates, entry: StoredEntry): boolean {
  const { conversationId, messageId } = entry;
  const state = states.get(conversationId);
  if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
  if (messageId <= state.head) return true;
  if (messageId > state.head + 1) return false;
  const named = membershipOf(entry);
  const standings = named && states.standings(state, usersOf(named));
  const isMember = (userId: string): boolean => standings?.get(userId)?.member === true;
  // The log is the truth: what it says twice is so already.
  const membership = named && {
    ...named,
    add: named.add.filter(({ userId }) => !isMember(userId)),
    remove: named.remove.filter(isMember),
  };
  states.move(entry, membership, standings, updateOf(entry));
  const redaction = redactionOf(entry);
  if (redaction !== undefined) {
    states.redacted(conversationId, messageId);
    states.conceal(conversationId, redaction);
  }
  return true;
}
