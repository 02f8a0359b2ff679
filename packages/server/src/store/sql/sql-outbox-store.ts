import type { OutboxDraft, OutboxStore, QueuedDraft } from "../outbox-store.js";
import { encodeDraft, forgetDrafts, type RawQueuedDraft, toQueuedDraft } from "./outbox-draft.js";
import type { SqlEngine } from "./sql-engine.js";

/** Writes one row on a connection of the application's; `$1` of the driver's own statement is the draft. */
export type WriteOutbox = (transaction: unknown, draft: string) => Promise<void>;

/** Messages that are committed with the application's rows, on a SQL server; see {@link OutboxStore}. */
export class SqlOutboxStore implements OutboxStore {
  readonly #engine: SqlEngine;
  readonly #write: WriteOutbox;

  constructor(engine: SqlEngine, write: WriteOutbox) {
    this.#engine = engine;
    this.#write = write;
  }

  async write(transaction: unknown, drafts: readonly OutboxDraft[]): Promise<void> {
    for (const draft of drafts) await this.#write(transaction, encodeDraft(draft));
  }

  lead({ owner, duration }: { readonly owner: string; readonly duration: number }): Promise<boolean> {
    return this.#engine.transact(async (transaction) => {
      await transaction.all("leadOutbox", [owner, duration]);
      const [now] = await transaction.all<{ readonly owner: string }>("outboxLead", []);
      return now?.owner === owner;
    });
  }

  async queued(limit: number, after: number): Promise<readonly QueuedDraft[]> {
    return (await this.#engine.read<RawQueuedDraft>("outboxQueued", [limit, after])).map(toQueuedDraft);
  }

  async remove(numbers: readonly number[]): Promise<void> {
    if (numbers.length > 0) await this.#engine.read("outboxRemove", [numbers]);
  }

  async refuse(number: number, refusal: string): Promise<void> {
    await this.#engine.read("outboxRefuse", [number, refusal]);
  }

  forget(senderId: string): Promise<void> {
    return forgetDrafts(
      senderId,
      async (after, limit) =>
        (await this.#engine.read<RawQueuedDraft>("outboxAfter", [after, limit])).map(toQueuedDraft),
      (numbers) => this.remove(numbers),
    );
  }
}
