import { ChatError } from "@chat/protocol";
import { LOAD_PER_COMMIT } from "../sql/commit-load.js";
import { closedError } from "../sql/unavailable.js";
import { BUSY_DEADLINE, busyPause, type SqliteConnection } from "./sqlite-connection.js";
import { busyError, failureOf } from "./sqlite-failure.js";

/** Jobs that share one commit; more would keep the event loop busy for too long. */
const JOBS_PER_COMMIT = 512;
/** Jobs that may wait. What comes beyond is refused with `overloaded`. */
const WAITING_JOBS = 20_000;

/** Something to be written. */
export interface Job<Context> {
  /** How much of a commit it takes, as `loadOf` says. */
  readonly load: number;
  /** Writes, inside the transaction. Called again when the transaction was rolled back. Throwing rolls it back. */
  run(context: Context): void;
  /** What it wrote is durable. */
  committed(): void;
  /** Nothing of it was written, as far as can be known. */
  refused(error: ChatError): void;
}

interface Waiting<Context> {
  readonly job: Job<Context>;
  /** Monotonic ms. */
  readonly since: number;
  /** It shared a transaction that failed, and now gets one of its own. */
  alone: boolean;
}

/** What the jobs of one transaction share. */
interface SharedContext {
  /** Writes what was put together. */
  flush(): void;
}

/**
 * Lets the writes of one turn of the event loop share one transaction: with synchronous=FULL each commit waits for the
 * disk, so this is worth 10×. Jobs run in the order in which they came. When one fails, all are run again, that one in a transaction of
 * its own, so that it fails alone; each of them where it is not known which it was.
 */
export class GroupCommit<Context extends SharedContext> {
  readonly #connection: SqliteConnection;
  readonly #begin: () => Context;
  #waiting: Waiting<Context>[] = [];
  #scheduled = false;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /** @param begin makes the context of a transaction that has just begun */
  constructor(connection: SqliteConnection, begin: () => Context) {
    this.#connection = connection;
    this.#begin = begin;
  }

  /** Takes jobs, all or none. @throws ChatError `overloaded`, `closed` */
  add(jobs: readonly Job<Context>[]): void {
    if (this.#closed) throw closedError();
    if (this.#waiting.length + jobs.length > WAITING_JOBS) {
      throw new ChatError(
        "overloaded",
        `${this.#waiting.length} writes are waiting for the database; try again later.`,
      );
    }
    const since = this.#connection.runtime.clock.monotonic();
    for (const job of jobs) this.#waiting.push({ job, since, alone: false });
    this.#schedule();
  }

  /** Runs one piece of work in the next commit that has room for its load. @throws ChatError `store_unavailable`, `overloaded`, `closed` */
  write<T>(work: (context: Context) => T, load = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      const job: Job<Context> = {
        load,
        run(context) {
          result = { value: work(context) };
        },
        committed: () => resolve(result!.value),
        refused: reject,
      };
      this.add([job]);
    });
  }

  /** Resolves when everything that waits is written or refused. Later jobs are refused with `closed`. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    this.#connection.runtime.clock.nextTurn(() => this.#commit());
  }

  #commit(): void {
    this.#scheduled = false;
    const batch = this.#nextBatch();
    let running: Waiting<Context> | undefined;
    try {
      this.#connection.transact(() => {
        const context = this.#begin();
        for (running of batch) running.job.run(context);
        running = undefined;
        context.flush();
      });
    } catch (thrown) {
      this.#failed(batch, thrown, running === undefined ? batch : [running]);
      return;
    }
    this.#waiting.splice(0, batch.length);
    for (const { job } of batch) job.committed();
    this.#goOn();
  }

  #nextBatch(): Waiting<Context>[] {
    if (this.#waiting[0]?.alone === true) return this.#waiting.slice(0, 1);
    const batch: Waiting<Context>[] = [];
    let load = 0;
    for (const waiting of this.#waiting) {
      if (waiting.alone || batch.length >= JOBS_PER_COMMIT || load >= LOAD_PER_COMMIT) break;
      batch.push(waiting);
      load += waiting.job.load;
    }
    return batch;
  }

  /** @param suspects those of the batch that may have failed */
  #failed(batch: readonly Waiting<Context>[], thrown: unknown, suspects: readonly Waiting<Context>[]): void {
    const failure = failureOf(thrown);
    if (failure.kind === "busy") {
      this.#refuseOverdue(thrown);
      if (this.#waiting.length > 0) {
        this.#scheduled = true;
        this.#connection.runtime.clock.schedule(busyPause(this.#connection.runtime), () => this.#commit());
        return;
      }
    } else if (failure.kind === "statement" && batch.length > 1) {
      for (const waiting of suspects) waiting.alone = true;
    } else {
      this.#waiting.splice(0, batch.length);
      for (const { job } of batch) job.refused(failure.error);
    }
    this.#goOn();
  }

  #refuseOverdue(thrown: unknown): void {
    const now = this.#connection.runtime.clock.monotonic();
    const overdue = this.#waiting.filter(({ since }) => now - since >= BUSY_DEADLINE);
    if (overdue.length === 0) return;
    this.#waiting = this.#waiting.filter(({ since }) => now - since < BUSY_DEADLINE);
    for (const { job, since } of overdue) job.refused(busyError(Math.round(now - since), thrown));
  }

  #goOn(): void {
    this.#schedule();
    if (this.#waiting.length > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
