import type { OutboxDraft, OutboxStore, QueuedDraft } from "../outbox-store.js";
import {
  encodeDraft,
  forgetDrafts,
  noTransaction,
  type RawQueuedDraft,
  toQueuedDraft,
} from "../sql/outbox-draft.js";
import type { ConversationStates } from "./conversation-states.js";
import type { GroupCommit } from "./group-commit.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import type { SqliteDatabase } from "./sqlite-database.js";

/** The queries, by what they do. The tests look at their plans. */
export const OUTBOX_QUERIES = {
  leadOutbox: `INSERT INTO chat_outbox_lead (id, owner, expires) VALUES (1, ?, ?)
    ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
      WHERE owner = excluded.owner OR expires <= ?`,
  outboxLead: "SELECT owner FROM chat_outbox_lead WHERE id = 1",
  outboxQueued:
    "SELECT number, draft FROM chat_outbox WHERE number > ? AND refusal IS NULL ORDER BY number LIMIT ?",
  outboxRemove: "DELETE FROM chat_outbox WHERE number = ?",
  outboxRefuse: "UPDATE chat_outbox SET refusal = ? WHERE number = ?",
  outboxAfter: "SELECT number, draft FROM chat_outbox WHERE number > ? ORDER BY number LIMIT ?",
} as const;

/** Messages that are committed with the application's rows, on SQLite; see {@link OutboxStore}. The lease goes by the wall clock, which processes share. */
export class SqliteOutboxStore implements OutboxStore {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;

  constructor(connection: SqliteConnection, commits: GroupCommit<ConversationStates>) {
    this.#connection = connection;
    this.#commits = commits;
  }

  // On the application's own handle, before this returns; a failure is thrown at once, so that a synchronous transaction
  // is rolled back by it.
  write(transaction: unknown, drafts: readonly OutboxDraft[]): Promise<void> {
    if (!isOpen(transaction)) {
      throw noTransaction("the handle of better-sqlite3, with a transaction open on it");
    }
    const insert = transaction.prepare("INSERT INTO chat_outbox (draft) VALUES (?)");
    for (const draft of drafts) insert.run(encodeDraft(draft));
    return Promise.resolve();
  }

  async lead(lead: { readonly owner: string; readonly duration: number }): Promise<boolean> {
    return this.#commits.write(() => {
      const now = this.#connection.runtime.clock.now();
      this.#run("leadOutbox", lead.owner, now + lead.duration, now);
      const { owner } = this.#connection.prepare(OUTBOX_QUERIES.outboxLead).get() as { owner: string };
      return owner === lead.owner;
    });
  }

  queued(limit: number, after: number): Promise<readonly QueuedDraft[]> {
    return this.#drafts("outboxQueued", after, limit);
  }

  async remove(numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return;
    await this.#commits.write(() => {
      for (const number of numbers) this.#run("outboxRemove", number);
    });
  }

  async refuse(number: number, refusal: string): Promise<void> {
    await this.#commits.write(() => this.#run("outboxRefuse", refusal, number));
  }

  forget(senderId: string): Promise<void> {
    return forgetDrafts(
      senderId,
      (after, limit) => this.#drafts("outboxAfter", after, limit),
      (numbers) => this.remove(numbers),
    );
  }

  async #drafts(query: keyof typeof OUTBOX_QUERIES, ...parameters: number[]): Promise<QueuedDraft[]> {
    const rows = await this.#connection.run(
      () => this.#connection.prepare(OUTBOX_QUERIES[query]).all(...parameters) as RawQueuedDraft[],
    );
    return rows.map(toQueuedDraft);
  }

  #run(query: keyof typeof OUTBOX_QUERIES, ...parameters: (string | number)[]): void {
    this.#connection.prepare(OUTBOX_QUERIES[query]).run(...parameters);
  }
}

function isOpen(value: unknown): value is SqliteDatabase {
  return (
    typeof value === "object" && value !== null && "inTransaction" in value && value.inTransaction === true
  );
}
