import type { Cancel, Clock } from "@chat/protocol";

/** How long Redis may take to answer, ms. */
const DEADLINE = 5_000;

/** A command that is under way. */
interface Waiting {
  readonly since: number;
  readonly reject: (error: Error) => void;
}

/**
 * Gives up the commands of one connection that are not answered in time, with one timer for all of them. After that Redis is silent until any
 * command comes to its end: what is asked meanwhile is refused at once, or it would pile up in the driver.
 */
export class CommandWatch {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #waiting = new Set<Waiting>();
  #cancel: Cancel | undefined;
  /** When the last command was given up, or tried in spite of that. */
  #silentSince: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What the command resolves to.
   * @param send hands it to the driver
   */
  run(send: () => Promise<unknown>): Promise<unknown> {
    const now = this.#clock.monotonic();
    if (this.#silentSince !== undefined) {
      if (now - this.#silentSince < DEADLINE) return Promise.reject(unanswered());
      // Now and then one is tried: the driver may have lost those that it owes an end.
      this.#silentSince = now;
    }
    const sending = send();
    return new Promise((resolve, reject) => {
      const waiting = { since: now, reject };
      this.#waiting.add(waiting);
      this.#cancel ??= this.#clock.schedule(DEADLINE, this.#giveUp);
      sending.then(
        (answer) => {
          this.#ended(waiting);
          resolve(answer);
        },
        (error: Error) => {
          this.#ended(waiting);
          reject(error);
        },
      );
    });
  }

  #ended(waiting: Waiting): void {
    this.#silentSince = undefined;
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    // It would keep a process that is about to end.
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #giveUp = (): void => {
    this.#cancel = undefined;
    const now = this.#clock.monotonic();
    for (const waiting of this.#waiting) {
      const left = waiting.since + DEADLINE - now;
      if (left > 0) {
        this.#cancel = this.#clock.schedule(left, this.#giveUp);
        return;
      }
      this.#waiting.delete(waiting);
      this.#silentSince = now;
      waiting.reject(unanswered());
    }
  };
}

function unanswered(): Error {
  return new Error("Redis does not answer.");
}
