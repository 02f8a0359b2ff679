import { ChatError } from "@chat/protocol";
import type { FollowedPage, FollowedSpan, LogFollower, Mark, Standings } from "../log-follower.js";
import { membershipOf } from "../membership-entry.js";
import { isWrittenBy } from "../redaction-entry.js";
import type { StoredEntry } from "../stored-entry.js";
import { advanceBy } from "./advance-by.js";
import { ConversationBatch, type LockedConversation } from "./conversation-batch.js";
import { encodeCursor } from "./feed-cursor.js";
import type { LatestElsewhere } from "./latest-elsewhere.js";
import { usersOf } from "./membership-problem.js";
import type { SqlEngine, SqlTransaction } from "./sql-engine.js";
import { cursorBehind } from "./sql-feed.js";
import { loggedSince, notePruned } from "./sql-housekeeping.js";
import { standingsOf } from "./sql-message-store.js";

/** Rows that follow a log in another store, on a SQL server; see {@link LogFollower}. */
export class SqlLogFollower implements LogFollower {
  readonly #engine: SqlEngine;
  readonly #latest: LatestElsewhere;

  constructor(engine: SqlEngine, latest: LatestElsewhere) {
    this.#engine = engine;
    this.#latest = latest;
  }

  readFrom(log: Parameters<LogFollower["readFrom"]>[0]): void {
    this.#latest.log = log;
  }

  async mark(owner: string, conversationIds: readonly string[], grace: number): Promise<void> {
    // A transaction is durable whatever the role's default is; a statement alone need not be.
    await this.#engine.transact((transaction) => transaction.all("mark", [owner, conversationIds, grace]));
  }

  async unmark(owner: string, conversationIds: readonly string[], until: number): Promise<void> {
    await this.#engine.read("unmark", [owner, conversationIds, until]);
  }

  due({ limit, lease }: { readonly limit: number; readonly lease: number }): Promise<readonly Mark[]> {
    return this.#engine.transact(async (transaction) => {
      const marks = await transaction.all<Mark>("dueMarks", [limit]);
      if (marks.length > 0) {
        const ids = marks.map(({ conversationId }) => conversationId);
        await transaction.all("deferMarks", [ids, marks.map(({ owner }) => owner), lease]);
      }
      return marks;
    });
  }

  async advance(entries: readonly StoredEntry[], owner?: string): Promise<readonly string[]> {
    const inOrder = [...entries].sort((left, right) => left.messageId - right.messageId);
    const ids = [...new Set(inOrder.map(({ conversationId }) => conversationId))].sort();
    if (ids.length === 0) return [];
    return this.#engine.transact(async (transaction) => {
      const locked = await lockWhole(transaction, ids);
      const keys = new Map(locked.map(({ id, key }) => [id, key]));
      const named = inOrder.flatMap((entry) => {
        const key = keys.get(entry.conversationId);
        const membership = membershipOf(entry);
        return key === undefined || membership === undefined
          ? []
          : usersOf(membership).map((userId) => [key, userId] as const);
      });
      const batch = new ConversationBatch(locked, await standingsOf(transaction, named));
      const behind = new Set<string>();
      for (const entry of inOrder) if (!advanceBy(batch, entry)) behind.add(entry.conversationId);
      if (owner !== undefined) {
        const there = ids.filter((id) => !behind.has(id));
        if (there.length > 0) await transaction.all("unmark", [owner, there, Number.MAX_SAFE_INTEGER]);
      }
      await transaction.write(batch.writes());
      return [...behind];
    });
  }

  standings(conversationId: string, userIds: readonly string[]): Promise<Standings> {
    return this.#engine.transact(async (transaction) => {
      const [state] = await transaction.all<LockedConversation>("lock", [[conversationId], []]);
      if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
      const { key, membershipVersion, memberCount } = state;
      const pairs = userIds.map((userId) => [key, userId] as const);
      const found = await standingsOf(transaction, pairs);
      const users = new Map(
        found.map(({ userId, leftAt, intervals }) => [userId, { member: leftAt === null, intervals }]),
      );
      return { membershipVersion, memberCount, users };
    });
  }

  async wiped({ conversationId, userId, through }: Parameters<LogFollower["wiped"]>[0]): Promise<void> {
    await this.#change(conversationId, (batch) =>
      batch.conceal(conversationId, (latest) => latest.messageId <= through && isWrittenBy(latest, userId)),
    );
  }

  async pruned(conversationId: string, firstId: number, ordinal: number): Promise<void> {
    await this.#change(conversationId, async (batch, transaction) => {
      if (batch.get(conversationId)!.firstId < firstId)
        await notePruned(transaction, batch, conversationId, firstId, ordinal);
    });
  }

  async spans({ limit, cursor }: Parameters<LogFollower["spans"]>[0]): Promise<FollowedPage> {
    const { now, since, rows } = await loggedSince(this.#engine, cursor, limit);
    const taken = rows.filter(({ conversationId }) => conversationId !== null);
    const more = taken.length < rows.length;
    const spans = new Map<number, FollowedSpan>();
    for (const { moved, conversationId, firstId, lastId } of taken) {
      spans.set(moved!, { conversationId: conversationId!, firstId: firstId!, lastId: lastId! });
    }
    return {
      spans: [...spans.values()],
      start: encodeCursor({ ...now, change: since }),
      cursor: cursorBehind(now, more, taken[taken.length - 1]?.moved ?? undefined),
      more,
    };
  }

  async #change(
    conversationId: string,
    change: (batch: ConversationBatch, transaction: SqlTransaction) => void | Promise<void>,
  ): Promise<void> {
    await this.#engine.transact(async (transaction) => {
      const batch = new ConversationBatch(await lockWhole(transaction, [conversationId]));
      if (batch.get(conversationId) === undefined) return;
      await change(batch, transaction);
      await transaction.write(batch.writes());
    });
  }
}

function lockWhole(
  transaction: SqlTransaction,
  ids: readonly string[],
): Promise<readonly LockedConversation[]> {
  return transaction.all<LockedConversation>("lock", [ids, ids]);
}
