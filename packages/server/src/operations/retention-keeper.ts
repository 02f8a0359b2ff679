import { type Cancel, isChatError } from "@chat/protocol";
import type { Housekeeping, Retention, RetentionCandidate } from "../store/housekeeping.js";
import type { OperationContext } from "./operation-context.js";

/** Entries that are deleted in one commit, so that others' messages get through in between. */
const PRUNED_AT_ONCE = 500;
/** Conversations in one page. */
const CANDIDATES_AT_ONCE = 100;

/** What the keeper works with. */
export interface RetentionKeeperOptions {
  readonly context: Pick<OperationContext, "runtime" | "messages">;
  readonly housekeeping: Housekeeping;
  /** Of conversations that have none of their own. */
  readonly retention: Retention;
  /** ms between two rounds. */
  readonly interval: number;
}

/**
 * Takes out of the store what conversations no longer keep, round by round, in small commits. Several servers may
 * do so at once: each deletes what another has left.
 */
export class RetentionKeeper {
  readonly #options: RetentionKeeperOptions;
  #cancel: Cancel = () => {};
  #round: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
  }

  /** The first round is at random within the interval, so that servers which start together take turns. */
  start(): void {
    const { runtime } = this.#options.context;
    this.#schedule(runtime.random.float() * this.#options.interval);
  }

  /** Goes through all conversations once; gives how many entries went. @throws ChatError `store_unavailable` */
  async run(): Promise<number> {
    const { housekeeping, retention } = this.#options;
    const own = retention.age === 0 && retention.count === 0;
    let pruned = 0;
    let page: string | undefined;
    do {
      const { items, next } = await housekeeping.retentionCandidates({
        own,
        limit: CANDIDATES_AT_ONCE,
        ...(page !== undefined && { page }),
      });
      for (const candidate of items) pruned += await this.#keep(candidate);
      page = next;
    } while (page !== undefined && !this.#closed);
    return pruned;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#round;
  }

  #schedule(delay: number): void {
    if (this.#closed) return;
    const { runtime } = this.#options.context;
    this.#cancel = runtime.clock.schedule(delay, () => {
      this.#round = this.run()
        .catch((error: unknown) => {
          runtime.log("warn", "retention_failed", { code: isChatError(error) ? error.code : "internal" });
        })
        .then(() => this.#schedule(this.#options.interval));
    });
  }

  async #keep({ conversationId, head, firstId, retention }: RetentionCandidate): Promise<number> {
    const { context, housekeeping } = this.#options;
    const { age, count } = retention ?? this.#options.retention;
    const keepFrom = count === 0 ? 0 : head - count + 1;
    const keepSince = age === 0 ? 0 : context.runtime.clock.now() - age;
    if (keepFrom <= firstId) {
      if (keepSince === 0) return 0;
      // A look before the write: most conversations have nothing to lose.
      const query = { after: firstId - 1, before: firstId + 1, order: "ascending" } as const;
      const [oldest] = await context.messages.read({ conversationId, ...query, limit: 1, maxBytes: 1 });
      if (oldest !== undefined && oldest.createdAt >= keepSince) return 0;
    }
    let pruned = 0;
    for (let more = true; more && !this.#closed;) {
      const gone = await housekeeping.prune({ conversationId, keepFrom, keepSince, limit: PRUNED_AT_ONCE });
      pruned += gone;
      more = gone === PRUNED_AT_ONCE;
    }
    return pruned;
  }
}
