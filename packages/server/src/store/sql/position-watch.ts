import type { Cancel } from "@chat/protocol";
import type { SqlEngine } from "./sql-engine.js";

/** How often a look is taken at what was written, ms. */
const WATCH_INTERVAL = 100;

/**
 * Tells when something was written, by whomever, by looking at the newest change number: one small read per look, over any
 * connection of the pool. (LISTEN and NOTIFY would want a connection of their own, which poolers don't give.) Where there was news
 * just now there most likely is again: then the listeners are called without a read, and what they read of the feed tells.
 */
export class PositionWatch {
  readonly #engine: Pick<SqlEngine, "read" | "runtime">;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #seen: number | undefined;
  /** Whether the last look found something, or the feed has told of something since. */
  #isNews = false;
  #cancel: Cancel | undefined;
  /** Looks that are left over from listeners who have gone do not go on. */
  #round = 0;

  constructor(engine: Pick<SqlEngine, "read" | "runtime">) {
    this.#engine = engine;
  }

  /** Hears of the newest change number from whoever has read the feed. */
  told(position: number): void {
    if (this.#seen === undefined || position <= this.#seen) return;
    this.#seen = position;
    this.#isNews = true;
  }

  /** Calls back after each look that found something new, and after the next one. */
  add(listener: () => void): Cancel {
    const entry = { call: listener };
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) {
      this.#seen = undefined;
      this.#isNews = false;
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
    let isNews = this.#isNews;
    this.#isNews = false;
    if (!isNews) {
      const seen = this.#seen;
      const [row] = await this.#engine
        .read<{ readonly position: number }>("position", [""])
        // The next look will; whoever needs an answer from the engine hears of the failure.
        .catch(() => []);
      if (round !== this.#round) return;
      if (row !== undefined) {
        this.#seen = row.position;
        // Nothing is known of what came before the first look; it calls back.
        isNews = this.#isNews = row.position !== seen;
      }
    }
    this.#cancel = this.#engine.runtime.clock.schedule(WATCH_INTERVAL, () => void this.#look(round));
    if (isNews) for (const { call } of [...this.#listeners]) call();
  }
}
