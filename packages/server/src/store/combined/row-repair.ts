import { isSendableKind, type Runtime } from "@chat/protocol";
import type { FollowingStore } from "../chat-store.js";
import type { MessageLog } from "../message-log.js";
import type { Head } from "../message-store.js";

/** Entries that are read from the log at once. */
const ENTRIES_AT_ONCE = 200;
const BYTES_AT_ONCE = 1_048_576;
/** Entries that one call deletes at the most, see `RetentionKeeper`. */
const PRUNED_AT_ONCE = 500;
/** How long whoever asks waits for a look that is under way before another begins, ms: its connection may have fallen silent. */
const PATIENCE = 1_000;
/** Conversations that the operator is told of only once. */
const TOLD = 1_000;

/** Brings rows up to their logs. Idempotent, and harmless where several servers do it at once. */
export class RowRepair {
  /** By conversation what is under way, and what begins behind it. */
  readonly #runs = new Map<string, { readonly now: Promise<number>; next?: Promise<number> }>();
  readonly #log: MessageLog;
  readonly #rows: FollowingStore;
  readonly #runtime: () => Runtime | undefined;
  /** Conversations of which the operator was told that their row is ahead of the log. */
  readonly #ahead = new Set<string>();

  constructor(log: MessageLog, rows: FollowingStore, runtime: () => Runtime | undefined) {
    this.#log = log;
    this.#rows = rows;
    this.#runtime = runtime;
  }

  /** What the row has seen of its log; undefined if there is no such conversation. */
  async seen(conversationId: string): Promise<Head | undefined> {
    return (await this.#rows.messages.heads([conversationId])).get(conversationId);
  }

  /**
   * Resolves to how many entries the row had missed. The many who ask at about the same time share one look, or they would be in each
   * other's way: the next that begins, as the one under way may have read less than was stored by now.
   * @throws ChatError `store_unavailable`
   */
  bringUp(conversationId: string): Promise<number> {
    const run = this.#runs.get(conversationId);
    if (run === undefined) return this.#run(conversationId);
    run.next ??= this.#over(run.now).then(() => this.#run(conversationId));
    return run.next;
  }

  /** Resolves when a look is over, or takes too long. */
  #over(look: Promise<number>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#runtime()?.clock.schedule(PATIENCE, resolve);
      const end = (): void => {
        cancel?.();
        resolve();
      };
      look.then(end, end);
    });
  }

  #run(conversationId: string): Promise<number> {
    const run = { now: this.#bringUp(conversationId).finally(() => this.#ended(conversationId, run)) };
    this.#runs.set(conversationId, run);
    return run.now;
  }

  #ended(conversationId: string, run: object): void {
    if (this.#runs.get(conversationId) === run) this.#runs.delete(conversationId);
  }

  async #bringUp(conversationId: string): Promise<number> {
    const log = await this.#log.head(conversationId);
    let missed = 0;
    for (;;) {
      const row = await this.seen(conversationId);
      if (row === undefined || log === undefined) return missed;
      if (row.head > log.head) {
        await this.#lookAhead(conversationId, row.head);
        return missed;
      }
      if (row.firstId < log.firstId) {
        await this.#deleteRest(conversationId, log.firstId);
        await this.pruned(conversationId, log);
      }
      if (row.head >= log.head) return missed;
      const entries = await this.#log.read({
        conversationId,
        after: row.head,
        before: log.head + 1,
        order: "ascending",
        limit: ENTRIES_AT_ONCE,
        maxBytes: BYTES_AT_ONCE,
      });
      // Somebody else was faster, or entries are missing; the next round tells which.
      if (entries[0]?.messageId !== row.head + 1) {
        if ((await this.seen(conversationId))?.head !== row.head) continue;
        this.#runtime()?.log("error", "entries_missing", { conversationId, after: row.head, head: log.head });
        return missed;
      }
      await this.#rows.follower.advance(entries);
      missed += entries.length;
    }
  }

  /** What a crash has left of a deletion: once the row knows where its log begins nobody would look for it. */
  async #deleteRest(conversationId: string, firstId: number): Promise<void> {
    const rest = { keepFrom: firstId, keepSince: 0, through: firstId - 1 };
    await this.#log.prune({ conversationId, ...rest, limit: PRUNED_AT_ONCE });
  }

  /** Has the row know where its log begins. @param log where it begins, and the ordinal of its end */
  async pruned(conversationId: string, { firstId, ordinal }: Head): Promise<void> {
    const place = { conversationId, after: firstId - 1, before: firstId + 1, order: "ascending" } as const;
    const [first] = await this.#log.read({ ...place, limit: 1, maxBytes: 1 });
    const before = first === undefined ? ordinal : first.ordinal - (isSendableKind(first.kind) ? 1 : 0);
    await this.#rows.follower.pruned(conversationId, firstId, before);
  }

  /** A row that stays ahead of its log was kept while the log was put back to an earlier time. */
  async #lookAhead(conversationId: string, row: number): Promise<void> {
    const head = (await this.#log.head(conversationId))?.head ?? 0;
    // Another server has appended in between.
    if (head >= row || this.#ahead.has(conversationId)) return;
    if (this.#ahead.size < TOLD) this.#ahead.add(conversationId);
    this.#runtime()?.log("error", "row_ahead_of_log", { conversationId, row, head });
  }
}
