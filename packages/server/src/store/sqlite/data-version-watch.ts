import type { Cancel } from "@chat/protocol";
import type { SqliteConnection } from "./sqlite-connection.js";

/** How often a look is taken at what other connections wrote, ms. */
const WATCH_INTERVAL = 50;

/**
 * Tells when another connection wrote into the file, this process's or another's: SQLite's `data_version` moves with every
 * such commit, and not with our own. One look costs about a microsecond.
 */
export class DataVersionWatch {
  readonly #connection: SqliteConnection;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #seen = 0;
  #cancel: Cancel | undefined;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  /** Calls back after each look that found something new. */
  add(listener: () => void): Cancel {
    const entry = { call: listener };
    if (this.#listeners.size === 0) {
      this.#seen = this.#version() ?? 0;
      this.#lookLater();
    }
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#cancel?.();
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#cancel?.();
  }

  #lookLater(): void {
    this.#cancel?.();
    this.#cancel = this.#connection.runtime.clock.schedule(WATCH_INTERVAL, () => {
      const version = this.#version();
      const moved = version !== undefined && version !== this.#seen;
      if (version !== undefined) this.#seen = version;
      this.#lookLater();
      if (moved) for (const { call } of [...this.#listeners]) call();
    });
  }

  /** Undefined while the database can't be asked; the next look will. */
  #version(): number | undefined {
    try {
      return (this.#connection.prepare("PRAGMA data_version").get() as { data_version: number }).data_version;
    } catch {
      return undefined;
    }
  }
}
