import { ChatError } from "@chat/protocol";
import type { Page } from "../conversation-store.js";
import type { Housekeeping, LogPage, Retention, RetentionCandidate } from "../housekeeping.js";
import { decodeBody } from "../entry-body.js";
import { encodeCursor } from "./feed-cursor.js";
import { pageOf } from "./page-of.js";
import type { ConversationBatch } from "./conversation-batch.js";
import type { SqlEngine, SqlTransaction } from "./sql-engine.js";
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

interface OldRow {
  readonly id: number;
  readonly body: Uint8Array;
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
      let last: OldRow | undefined;
      let pruned = 0;
      for (const row of await transaction.all<OldRow>("oldest", values)) {
        if (row.id >= keepFrom && decodeBody(conversationId, row.id, row.body).createdAt >= keepSince) break;
        last = row;
        pruned++;
      }
      if (last === undefined) return 0;
      await transaction.all("prune", [state.key, last.id]);
      const { ordinal } = decodeBody(conversationId, last.id, last.body);
      await notePruned(transaction, batch, conversationId, last.id + 1, ordinal);
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

/** The entries below an id are deleted, the last of which has this ordinal: marks move up, too. */
export async function notePruned(
  transaction: SqlTransaction,
  batch: ConversationBatch,
  conversationId: string,
  firstId: number,
  ordinal: number,
): Promise<void> {
  batch.pruned(conversationId, firstId, ordinal);
  await transaction.all("moveMarks", [batch.get(conversationId)!.key, firstId, ordinal]);
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
