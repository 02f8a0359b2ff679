import type { Runtime } from "@chat/protocol";

/** A clock that stands still until a test moves it. */
export class VirtualClock {
  #now = 1_700_000_000_000;
  #timers: { at: number; callback: () => void }[] = [];

  readonly runtime: Runtime = {
    clock: {
      now: () => Math.floor(this.#now),
      monotonic: () => this.#now,
      schedule: (delay, callback) => {
        const timer = { at: this.#now + delay, callback };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
      nextTurn: (callback) => setImmediate(callback),
    },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)), float: () => Math.random() },
    log: () => {},
  };

  /** Moves time on by so many ms, and runs what falls due, in order. */
  advance(duration: number): void {
    const end = this.#now + duration;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  /** Lets promises and turns of the event loop that wait for no timer run out. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
