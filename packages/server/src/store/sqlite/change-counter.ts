import type { SqliteConnection } from "./sqlite-connection.js";

/**
 * The store-wide change number, as one write transaction raises it. SQLite has one writer at a time, so the order of
 * the numbers is the order of the commits: no reader of a number can miss a lower one that commits later.
 */
export class ChangeCounter {
  readonly #connection: SqliteConnection;
  #last: number | undefined;
  #moved = false;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /** Spares a read: the newest number, as it was read in this transaction before any was given out. */
  begin(last: number): void {
    this.#last ??= last;
  }

  /** A number that no other row has. */
  next(): number {
    this.#last ??= currentChange(this.#connection);
    this.#moved = true;
    return ++this.#last;
  }

  flush(): void {
    if (!this.#moved) return;
    this.#connection.prepare("UPDATE chat_store SET change = ?").run(this.#last!);
  }
}

/** The newest change number that is committed, or written by the transaction that is under way. */
export function currentChange(connection: SqliteConnection): number {
  return (connection.prepare("SELECT change FROM chat_store").get() as { change: number }).change;
}
