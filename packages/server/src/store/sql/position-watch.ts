import type { Cancel } from "@chat/protocol";
import type { SqlEngine } from "./sql-engine.js";

/** How often a look is taken at what was written, ms. */
const WATCH_INTERVAL = 100;

/**
 * Tells when something was written, by whomever, by looking at the newest change number: one small read per look, over any
 * connection of the pool. (LISTEN and NOTIFY would want a connection of their own, which poolers don't give.)
 */
export class PositionWatch {
  readonly #engine: SqlEngine;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #seen: number | undefined;
  #cancel: Cancel | undefined;
  /** Looks that are left over from listeners who have gone do not go on. */
  #round = 0;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  /** Calls back after each look that found something new. */
  add(listener: () => void): Cancel {
    const entry = { call: listener };
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) {
      this.#seen = undefined;
      void this.#look(++this.#round);
    }
    return () => {
      this.#listeners.delete(entry);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    this.#round++;
    this.#cancel?.();
  }

  async #look(round: number): Promise<void> {
    const seen = this.#seen;
    const [row] = await this.#engine
      .read<{ readonly position: number }>("position", [""])
      // The next look will; whoever needs an answer from the engine hears of the failure.
      .catch(() => []);
    if (round !== this.#round) return;
    if (row !== undefined) this.#seen = row.position;
    this.#cancel = this.#engine.runtime.clock.schedule(WATCH_INTERVAL, () => void this.#look(round));
    // Nothing is known of what came before the first look; it calls back once.
    if (row !== undefined && row.position !== seen) for (const { call } of [...this.#listeners]) call();
  }
}
