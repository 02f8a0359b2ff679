import { ChatError } from "@chat/protocol";
import type { Page } from "../conversation-store.js";
import type { Housekeeping, LogPage, Retention, RetentionCandidate } from "../housekeeping.js";
import { decodeBody } from "../entry-body.js";
import { encodeCursor } from "../sql/feed-cursor.js";
import { unavailable } from "../sql/unavailable.js";
import type { ConversationStates } from "./conversation-states.js";
import { decodeCursor, feedPosition } from "./feed-position.js";
import type { GroupCommit } from "./group-commit.js";
import { BUSY_DEADLINE, busyPause, type SqliteConnection } from "./sqlite-connection.js";

/** The queries, by what they do. The tests look at their plans. */
export const HOUSEKEEPING_QUERIES = {
  conversationsOf: `SELECT c.id AS conversationId FROM chat_participation p
    CROSS JOIN chat_conversation c ON c.key = p.conversation
    WHERE p.user = ? AND c.id > ? ORDER BY c.id LIMIT ?`,
  beginErasure: "INSERT INTO chat_erasure (user, id) VALUES (?, ?) ON CONFLICT DO NOTHING",
  erasure: "SELECT id FROM chat_erasure WHERE user = ?",
  endErasure: "DELETE FROM chat_erasure WHERE user = ?",
  forgetPresence: "DELETE FROM chat_presence WHERE user = ?",
  candidates: `SELECT key, id, head, first_id AS firstId, retention_age AS age, retention_count AS count
    FROM chat_conversation WHERE key > ? ORDER BY key LIMIT ?`,
  ownCandidates: `SELECT key, id, head, first_id AS firstId, retention_age AS age, retention_count AS count
    FROM chat_conversation INDEXED BY chat_conversation_retention
    WHERE retention_age IS NOT NULL AND key > ? ORDER BY key LIMIT ?`,
  setRetention: "UPDATE chat_conversation SET retention_age = ?, retention_count = ? WHERE id = ?",
  oldest: "SELECT id, body FROM chat_message WHERE conversation = ? AND id >= ? ORDER BY id LIMIT ?",
  prune: "DELETE FROM chat_message WHERE conversation = ? AND id <= ?",
  log: `SELECT l.change, l.first_id AS firstId, l.last_id AS lastId, c.key, c.id AS conversationId
    FROM chat_log l CROSS JOIN chat_conversation c ON c.key = l.conversation
    WHERE l.change > ? ORDER BY l.change LIMIT ?`,
  entries: "SELECT id, body FROM chat_message WHERE conversation = ? AND id BETWEEN ? AND ? ORDER BY id",
} as const;

export interface LogRow {
  readonly change: number;
  readonly key: number;
  readonly conversationId: string;
  readonly firstId: number;
  readonly lastId: number;
}

interface CandidateRow {
  readonly key: number;
  readonly id: string;
  readonly head: number;
  readonly firstId: number;
  readonly age: number | null;
  readonly count: number | null;
}

interface MessageRow {
  readonly id: number;
  readonly body: Uint8Array;
}

/** What becomes of content on SQLite, see {@link Housekeeping}. */
export class SqliteHousekeeping implements Housekeeping {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;
  readonly #vacuumBytes: number;

  /** @param vacuumBytes the largest file that is rebuilt */
  constructor(connection: SqliteConnection, commits: GroupCommit<ConversationStates>, vacuumBytes: number) {
    this.#connection = connection;
    this.#commits = commits;
    this.#vacuumBytes = vacuumBytes;
  }

  conversationsOf(
    userId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<string>> {
    return this.#connection.run(() => {
      const rows = this.#all<{ conversationId: string }>("conversationsOf", userId, page, limit + 1);
      const items = rows.slice(0, limit).map(({ conversationId }) => conversationId);
      return { items, ...(rows.length > limit && { next: items[limit - 1]! }) };
    });
  }

  beginErasure(userId: string, erasureId: string): Promise<string> {
    return this.#commits.write(() => {
      this.#connection.prepare(HOUSEKEEPING_QUERIES.beginErasure).run(userId, erasureId);
      return this.#all<{ id: string }>("erasure", userId)[0]!.id;
    });
  }

  erasures(): Promise<readonly { readonly userId: string; readonly erasureId: string }[]> {
    return this.#connection.run(
      () =>
        this.#connection.prepare("SELECT user AS userId, id AS erasureId FROM chat_erasure").all() as {
          userId: string;
          erasureId: string;
        }[],
    );
  }

  async endErasure(userId: string): Promise<void> {
    await this.#commits.write(() => {
      this.#connection.prepare(HOUSEKEEPING_QUERIES.endErasure).run(userId);
      this.#connection.prepare(HOUSEKEEPING_QUERIES.forgetPresence).run(userId);
    });
  }

  async purge(): Promise<boolean> {
    const { clock } = this.#connection.runtime;
    // What was freed is zeroed (secure_delete), but what SQLite moved from page to page before has left copies behind.
    const isRebuilt = await this.#connection.run((database) => {
      const [pages, size] = ["page_count", "page_size"].map((name) =>
        Number(database.pragma(name, { simple: true })),
      );
      if (pages! * size! > this.#vacuumBytes) return false;
      database.exec("VACUUM");
      return true;
    });
    const began = clock.monotonic();
    for (;;) {
      const busy = await this.#connection.run(
        (database) => (database.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[])[0]?.busy ?? 0,
      );
      if (busy === 0) return isRebuilt;
      if (clock.monotonic() - began >= BUSY_DEADLINE) {
        throw unavailable(
          "Somebody reads the database for long, so its write-ahead log can't be emptied; try again.",
        );
      }
      await new Promise<void>((resolve) => clock.schedule(busyPause(this.#connection.runtime), resolve));
    }
  }

  retentionCandidates({
    own,
    limit,
    page = "0",
  }: {
    readonly own: boolean;
    readonly limit: number;
    readonly page?: string;
  }): Promise<Page<RetentionCandidate>> {
    return this.#connection.run(() => {
      const query = own ? "ownCandidates" : "candidates";
      const rows = this.#all<CandidateRow>(query, Number(page), limit + 1);
      const items = rows
        .slice(0, limit)
        .filter(({ head, firstId }) => head >= firstId)
        .map(({ id, head, firstId, age, count }) => ({
          conversationId: id,
          head,
          firstId,
          retention: age === null || count === null ? undefined : { age, count },
        }));
      return { items, ...(rows.length > limit && { next: String(rows[limit - 1]!.key) }) };
    });
  }

  async setRetention(conversationId: string, retention: Retention | undefined): Promise<void> {
    await this.#commits.write(() => {
      const { age = null, count = null } = retention ?? {};
      const statement = this.#connection.prepare(HOUSEKEEPING_QUERIES.setRetention);
      if (statement.run(age, count, conversationId).changes === 0) {
        throw new ChatError("not_found", "There is no such conversation.");
      }
    });
  }

  prune({
    conversationId,
    keepFrom,
    keepSince,
    limit,
  }: Parameters<Housekeeping["prune"]>[0]): Promise<number> {
    return this.#commits.write((states) => {
      const state = states.get(conversationId);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      let pruned = 0;
      let last: MessageRow | undefined;
      for (const row of this.#all<MessageRow>("oldest", state.key, state.firstId, limit)) {
        if (row.id >= keepFrom && decodeBody(conversationId, row.id, row.body).createdAt >= keepSince) break;
        last = row;
        pruned++;
      }
      if (last === undefined) return 0;
      this.#connection.prepare(HOUSEKEEPING_QUERIES.prune).run(state.key, last.id);
      states.pruned(conversationId, last.id + 1, decodeBody(conversationId, last.id, last.body).ordinal);
      return pruned;
    });
  }

  log({ limit, cursor }: { readonly limit: number; readonly cursor?: string }): Promise<LogPage> {
    return this.#connection.snapshot(() => {
      const now = feedPosition(this.#connection);
      const since = cursor === undefined ? 0 : decodeCursor(this.#connection, cursor);
      const rows = this.#all<LogRow>("log", since, limit + 1);
      const entries: LogPage["entries"][number][] = [];
      let taken = 0;
      for (const { key, conversationId, firstId, lastId } of rows) {
        if (taken > 0 && entries.length + lastId - firstId + 1 > limit) break;
        for (const { id, body } of this.#all<MessageRow>("entries", key, firstId, lastId)) {
          entries.push(decodeBody(conversationId, id, body));
        }
        taken++;
      }
      const more = taken < rows.length;
      const reached = more ? { ...now, change: rows[taken - 1]!.change } : now;
      const start = encodeCursor({ ...now, change: since });
      return { entries, start, cursor: encodeCursor(reached), more };
    });
  }

  #all<T>(query: keyof typeof HOUSEKEEPING_QUERIES, ...parameters: (string | number)[]): T[] {
    return this.#connection.prepare(HOUSEKEEPING_QUERIES[query]).all(...parameters) as T[];
  }
}
