import { ChatError } from "@chat/protocol";
import type { FollowingStore } from "../chat-store.js";
import type { Page } from "../conversation-store.js";
import type { Housekeeping, LogPage, Retention, RetentionCandidate } from "../housekeeping.js";
import type { FollowedSpan } from "../log-follower.js";
import type { MessageLog } from "../message-log.js";
import type { StoredEntry } from "../stored-entry.js";
import type { RowRepair } from "./row-repair.js";

/** What becomes of content where log and rows lie in two stores, see {@link Housekeeping}. */
export class CombinedHousekeeping implements Housekeeping {
  readonly #log: MessageLog;
  readonly #rows: FollowingStore;
  readonly #repair: RowRepair;

  constructor(log: MessageLog, rows: FollowingStore, repair: RowRepair) {
    this.#log = log;
    this.#rows = rows;
    this.#repair = repair;
  }

  conversationsOf(
    userId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<string>> {
    return this.#rows.housekeeping.conversationsOf(userId, query);
  }

  beginErasure(userId: string, erasureId: string): Promise<string> {
    return this.#rows.housekeeping.beginErasure(userId, erasureId);
  }

  erasures(): Promise<readonly { readonly userId: string; readonly erasureId: string }[]> {
    return this.#rows.housekeeping.erasures();
  }

  endErasure(userId: string): Promise<void> {
    return this.#rows.housekeeping.endErasure(userId);
  }

  /** Backups of the log keep what was in it until they expire, whatever the relational store has done. */
  async purge(): Promise<boolean> {
    await this.#rows.housekeeping.purge();
    return false;
  }

  retentionCandidates(query: {
    readonly own: boolean;
    readonly limit: number;
    readonly page?: string;
  }): Promise<Page<RetentionCandidate>> {
    return this.#rows.housekeeping.retentionCandidates(query);
  }

  setRetention(conversationId: string, retention: Retention | undefined): Promise<void> {
    return this.#rows.housekeeping.setRetention(conversationId, retention);
  }

  async prune(query: Parameters<Housekeeping["prune"]>[0]): Promise<number> {
    const { conversationId } = query;
    await this.#repair.bringUp(conversationId);
    const row = await this.#repair.seen(conversationId);
    if (row === undefined) throw new ChatError("not_found", "There is no such conversation.");
    // What the row has not seen is not deleted: it would be missed when members are derived from it.
    const { pruned, firstId } = await this.#log.prune({ ...query, through: row.head });
    if (firstId > row.firstId) await this.#repair.pruned(conversationId, { ...row, firstId });
    return pruned;
  }

  async log(query: { readonly limit: number; readonly cursor?: string }): Promise<LogPage> {
    const { spans, ...position } = await this.#rows.follower.spans(query);
    const entries: StoredEntry[] = [];
    for (const span of spans) entries.push(...(await this.#entriesOf(span)));
    return { entries, ...position };
  }

  async #entriesOf({ conversationId, firstId, lastId }: FollowedSpan): Promise<readonly StoredEntry[]> {
    return this.#log.read({
      conversationId,
      after: firstId - 1,
      before: lastId + 1,
      order: "ascending",
      limit: lastId - firstId + 1,
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
  }
}
