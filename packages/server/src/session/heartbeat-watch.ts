import type { Cancel, Clock } from "@chat/protocol";

/** A session whose device may fall silent. */
export interface Watched {
  /** When something came from the device last, monotonic ms; undefined while the session is not open. */
  readonly heardAt: number | undefined;
  close(reason: "heartbeatMissed"): void;
}

/** Closes the sessions of devices of which nothing is heard any more: one timer for all of them, as each of ten thousand would take memory. */
export class HeartbeatWatch {
  readonly #patience: number;
  #lookAt = Infinity;
  #cancel: Cancel = () => {};

  /**
   * @param interval ms between two pings of a device; after 2.5 of them without a sign of life it is given up, at the latest after 2.6
   * @param sessions all there are
   */
  constructor(
    private readonly clock: Clock,
    private readonly interval: number,
    private readonly sessions: Iterable<Watched>,
  ) {
    this.#patience = 2.5 * interval;
  }

  /** A session is open, and was heard of at this time. */
  opened(heardAt: number): void {
    this.#lookBy(heardAt + this.#patience);
  }

  /** Looks no more, until another session opens. */
  end(): void {
    this.#cancel();
    this.#lookAt = Infinity;
  }

  #lookBy(at: number): void {
    if (at >= this.#lookAt) return;
    this.#cancel();
    this.#lookAt = at;
    this.#cancel = this.clock.schedule(Math.max(at - this.clock.monotonic(), 1), () => this.#look());
  }

  #look(): void {
    this.#lookAt = Infinity;
    const now = this.clock.monotonic();
    let next = Infinity;
    for (const session of this.sessions) {
      const { heardAt } = session;
      if (heardAt === undefined) continue;
      const due = heardAt + this.#patience;
      if (due <= now) session.close("heartbeatMissed");
      else next = Math.min(next, due);
    }
    // Those that fall due shortly after each other are found together.
    this.#lookBy(Math.max(next, now + this.interval / 10));
  }
}
