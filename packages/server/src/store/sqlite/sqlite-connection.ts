import { ChatError, type Runtime } from "@chat/protocol";
import { closedError, unavailable } from "../sql/unavailable.js";
import type { SqliteDatabase, SqliteStatement } from "./sqlite-database.js";
import { busyError, failureOf, HandleOccupied } from "./sqlite-failure.js";

/** How long a busy database is tried again before the caller is told, ms. */
export const BUSY_DEADLINE = 5_000;
/** The longest pause between two tries, ms; the actual one is random below it. */
const BUSY_PAUSE = 20;
/** Calls that may wait for a busy database at once. */
const WAITING_CALLS = 10_000;

/** A random pause before a busy database is tried again, ms. */
export function busyPause(runtime: Runtime): number {
  return 1 + runtime.random.float() * BUSY_PAUSE;
}

/**
 * The application's handle, borrowed for one statement or transaction at a time and given back as it was.
 * Nothing here ever waits inside SQLite, which would block the event loop: a busy database is tried again by timer.
 */
export class SqliteConnection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();
  #runtime: Runtime | undefined;
  #waiting = 0;
  #closed = false;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Nothing can be read or written before. @throws ChatError `closed` */
  open(runtime: Runtime): void {
    if (this.#closed) throw closedError();
    this.#runtime = runtime;
  }

  /** @throws ChatError `store_unavailable` before {@link open} */
  get runtime(): Runtime {
    if (this.#runtime === undefined) throw unavailable("The store is not open yet; wait for open().");
    return this.#runtime;
  }

  /** The statement of this SQL; prepared once. */
  prepare(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.safeIntegers(false);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The handle, with its busy timeout off meanwhile. @throws what the database throws */
  #borrow<T>(work: (database: SqliteDatabase) => T): T {
    const database = this.#database;
    // What the application left open is not ours to write into, nor to read an old snapshot from.
    if (database.inTransaction) throw new HandleOccupied();
    const { timeout } = this.prepare("PRAGMA busy_timeout").get() as { timeout: number };
    if (timeout === 0) return work(database);
    this.prepare("PRAGMA busy_timeout = 0").get();
    try {
      return work(database);
    } finally {
      if (database.open) this.prepare(`PRAGMA busy_timeout = ${timeout}`).get();
    }
  }

  /** Runs `work` in a write transaction, now: all of it, or nothing. @throws what the database throws */
  transact<T>(work: (database: SqliteDatabase) => T): T {
    return this.#borrow((database) => {
      this.prepare("BEGIN IMMEDIATE").run();
      return this.#finish(() => work(database));
    });
  }

  /** Runs statements that see one and the same snapshot. @throws ChatError `store_unavailable`, `overloaded`, `closed` */
  snapshot<T>(work: () => T): Promise<T> {
    return this.#whenFree(() =>
      this.#borrow(() => {
        this.prepare("BEGIN").run();
        return this.#finish(work);
      }),
    );
  }

  /** Runs statements, each with a snapshot of its own. @throws ChatError `store_unavailable`, `overloaded`, `closed` */
  run<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return this.#whenFree(() => this.#borrow(work));
  }

  /** {@link transact}, as soon as the database is not busy. @throws ChatError `store_unavailable`, `overloaded`, `closed` */
  runInTransaction<T>(work: (database: SqliteDatabase) => T): Promise<T> {
    return this.#whenFree(() => this.transact(work));
  }

  /** Later calls are refused with `closed`; the handle stays open. */
  close(): void {
    this.#closed = true;
    this.#statements.clear();
  }

  #finish<T>(work: () => T): T {
    try {
      const result = work();
      this.prepare("COMMIT").run();
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some failures (full, I/O).
      if (this.#database.inTransaction) this.prepare("ROLLBACK").run();
      throw error;
    }
  }

  async #whenFree<T>(attempt: () => T): Promise<T> {
    if (this.#closed) throw closedError();
    const { clock } = this.runtime;
    const start = clock.monotonic();
    for (;;) {
      if (this.#closed) throw closedError();
      try {
        return attempt();
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (failure.kind !== "busy") throw failure.error;
        const waited = Math.round(clock.monotonic() - start);
        if (waited >= BUSY_DEADLINE) throw busyError(waited, thrown);
      }
      if (this.#waiting >= WAITING_CALLS) {
        throw new ChatError("overloaded", `${WAITING_CALLS} calls are waiting for a locked database.`);
      }
      this.#waiting++;
      await new Promise<void>((resolve) => clock.schedule(busyPause(this.runtime), resolve));
      this.#waiting--;
    }
  }
}
