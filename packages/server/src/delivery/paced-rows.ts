import type { Cancel, Runtime } from "@chat/protocol";
import type { RowReceiver } from "./row-sender.js";

/** Rows that are read at once. */
const AT_ONCE = 50;
/** ms for each row until more are read, so at most 2,000 rows a second, and the least, so at most 200 reads. */
const PER_ROW = 0.5;
const LEAST = 5;
/** How many times as long as a read has taken, so that none of this takes more than a quarter of the time. */
const PER_READ = 3;
/** ms before a read that failed is tried again. */
const RETRY_DELAY = 500;

/**
 * Sends users their rows where nobody waits for them: so many a second at the most, in a part of the time, however many conversations and
 * members are concerned. A row that is due again while it waits is sent once.
 */
export class PacedRows {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #send: (users: readonly RowReceiver[], conversationId: string) => Promise<void>;
  /** Who is to be told, in the order in which conversations take turns. */
  readonly #due = new Map<string, Set<RowReceiver>>();
  #cancel: Cancel | undefined;
  #sending = false;
  #closed = false;

  /** @param send reads and sends rows; rejects if it could not read them */
  constructor(
    runtime: Pick<Runtime, "clock" | "log">,
    send: (users: readonly RowReceiver[], conversationId: string) => Promise<void>,
  ) {
    this.#runtime = runtime;
    this.#send = send;
  }

  /** Until they are sent, the rows count as under way for these users. */
  send(users: Iterable<RowReceiver>, conversationId: string): void {
    const due = this.#due.get(conversationId) ?? new Set();
    for (const user of users) {
      if (due.has(user)) continue;
      due.add(user);
      user.rowsUnderWay++;
    }
    if (due.size === 0) return;
    this.#due.set(conversationId, due);
    if (!this.#sending) this.#wait(0);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #wait(delay: number): void {
    if (this.#closed) return;
    this.#cancel ??= this.#runtime.clock.schedule(delay, () => {
      this.#cancel = undefined;
      void this.#next();
    });
  }

  async #next(): Promise<void> {
    const turn = this.#due.entries().next().value;
    if (turn === undefined) return;
    const [conversationId, due] = turn;
    const users = [...due].slice(0, AT_ONCE);
    for (const user of users) due.delete(user);
    // Small conversations do not wait for all of a large one.
    this.#due.delete(conversationId);
    if (due.size > 0) this.#due.set(conversationId, due);
    this.#sending = true;
    const { clock, log } = this.#runtime;
    const began = clock.monotonic();
    let failed = false;
    try {
      // Those who have gone meanwhile ask for what changed when they are back.
      const here = users.filter(({ recipients }) => recipients.length > 0);
      if (here.length > 0) await this.#send(here, conversationId);
    } catch (error) {
      log("warn", "row_read_failed", { conversationId, error: String(error) });
      this.send(users, conversationId);
      failed = true;
    }
    for (const user of users) user.rowsUnderWay--;
    this.#sending = false;
    const pause = Math.max(LEAST, users.length * PER_ROW, (clock.monotonic() - began) * PER_READ);
    this.#wait(failed ? RETRY_DELAY : pause);
  }
}
