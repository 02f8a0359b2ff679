import { ChatError } from "@chat/protocol";
import type { Page } from "../conversation-store.js";
import type { Housekeeping, LogPage, Retention, RetentionCandidate } from "../housekeeping.js";
import { decodeBody } from "./entry-body.js";
import { encodeCursor } from "./feed-cursor.js";
import { pageOf } from "./page-of.js";
import type { SqlEngine } from "./sql-engine.js";
import { cursorBehind, type FeedRows, feedRows } from "./sql-feed.js";
import { lock } from "./sql-message-store.js";

interface CandidateRow {
  readonly key: number;
  readonly id: string;
  readonly head: number;
  readonly firstId: number;
  readonly age: number | null;
  readonly count: number | null;
}

/** An entry; or that all entries of a commit are gone (no id); or a commit that is too much for this page (no conversationId). */
interface LogRow {
  readonly moved: number | null;
  /** What the commit stored into the conversation, whether it is still there or not. */
  readonly firstId: number | null;
  readonly lastId: number | null;
  readonly conversationId: string | null;
  readonly id: number | null;
  readonly body: Uint8Array | null;
}

/** What becomes of content on a SQL server, see {@link Housekeeping}. */
export class SqlHousekeeping implements Housekeeping {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async conversationsOf(
    userId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<string>> {
    const rows = await this.#engine.read<{ readonly conversationId: string }>("conversationsOf", [
      userId,
      page,
      limit + 1,
    ]);
    const ids = rows.map(({ conversationId }) => conversationId);
    return pageOf(ids, limit, (conversationId) => conversationId);
  }

  beginErasure(userId: string, erasureId: string): Promise<string> {
    return this.#engine.transact(async (transaction) => {
      await transaction.all("beginErasure", [userId, erasureId]);
      const [row] = await transaction.all<{ readonly erasureId: string }>("erasure", [userId]);
      return row!.erasureId;
    });
  }

  erasures(): Promise<readonly { readonly userId: string; readonly erasureId: string }[]> {
    return this.#engine.read("erasures", []);
  }

  async endErasure(userId: string): Promise<void> {
    await this.#engine.read("endErasure", [userId]);
  }

  /** Old bodies stay in dead rows, in the server's log and in backups until the operator removes them. */
  async purge(): Promise<boolean> {
    return false;
  }

  async retentionCandidates({
    own,
    limit,
    page = "0",
  }: {
    readonly own: boolean;
    readonly limit: number;
    readonly page?: string;
  }): Promise<Page<RetentionCandidate>> {
    const query = own ? "ownCandidates" : "candidates";
    const rows = await this.#engine.read<CandidateRow>(query, [Number(page), limit + 1]);
    const { items, next } = pageOf(rows, limit, ({ key }) => String(key));
    const candidates = items
      .filter(({ head, firstId }) => head >= firstId)
      .map(({ id, head, firstId, age, count }) => ({
        conversationId: id,
        head,
        firstId,
        retention: age === null || count === null ? undefined : { age, count },
      }));
    return { items: candidates, ...(next !== undefined && { next }) };
  }

  async setRetention(conversationId: string, retention: Retention | undefined): Promise<void> {
    const { age = null, count = null } = retention ?? {};
    const found = await this.#engine.read("setRetention", [age, count, conversationId]);
    if (found.length === 0) throw new ChatError("not_found", "There is no such conversation.");
  }

  prune(query: Parameters<Housekeeping["prune"]>[0]): Promise<number> {
    const { conversationId, keepFrom, keepSince, limit } = query;
    return this.#engine.transact(async (transaction) => {
      const batch = await lock(transaction, [conversationId]);
      const state = batch.get(conversationId);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const values = [state.key, state.firstId, limit];
      let last = state.firstId - 1;
      let pruned = 0;
      for (const { id, body } of await transaction.all<{
        readonly id: number;
        readonly body: Uint8Array;
      }>("oldest", values)) {
        if (id >= keepFrom && decodeBody(conversationId, id, body).createdAt >= keepSince) break;
        last = id;
        pruned++;
      }
      if (pruned === 0) return 0;
      await transaction.all("prune", [state.key, last]);
      batch.pruned(conversationId, last + 1);
      await transaction.write(batch.writes());
      return pruned;
    });
  }

  async log({ limit, cursor }: { readonly limit: number; readonly cursor?: string }): Promise<LogPage> {
    const { now, since, rows } = await loggedSince(this.#engine, cursor, limit);
    const taken = rows.filter(({ conversationId }) => conversationId !== null);
    const more = taken.length < rows.length;
    return {
      entries: taken.flatMap(({ conversationId, id, body }) =>
        id === null ? [] : [decodeBody(conversationId!, id, body!)],
      ),
      start: encodeCursor({ ...now, change: since }),
      cursor: cursorBehind(now, more, taken[taken.length - 1]?.moved ?? undefined),
      more,
    };
  }
}

/** What was stored since a position, commit by commit; the bodies only where this store has them. */
export function loggedSince(
  engine: SqlEngine,
  cursor: string | undefined,
  limit: number,
): Promise<FeedRows<LogRow>> {
  const values = (since: number) => [since, limit, limit + 1];
  const isRow = ({ moved }: LogRow): boolean => moved !== null;
  return feedRows(engine, "log", cursor, values, isRow);
}
