import { SeededRandom } from "./seeded-random.js";
import type { ServerProcess } from "./server-process.js";

/** Kills the server and starts it again, at random, as the steps of the logs go by. */
export class KillSchedule {
  readonly #server: Pick<ServerProcess, "kill" | "start">;
  readonly #onServer: () => void;
  readonly #onFailure: (error: unknown) => void;
  /** Steps at which the server is killed, ascending. */
  readonly #killAt: number[];
  #step = 0;
  #kills = 0;
  #under: Promise<void> = Promise.resolve();

  /**
   * @param steps steps of all logs together
   * @param onServer the server has gone, or is there again
   */
  constructor(
    server: Pick<ServerProcess, "kill" | "start">,
    options: { readonly seed: number; readonly steps: number; readonly kills: number },
    onServer: () => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#server = server;
    this.#onServer = onServer;
    this.#onFailure = onFailure;
    const { seed, steps, kills } = options;
    const random = new SeededRandom(`${seed} kills`);
    // One in each of as many equal stretches, so that they don't all fall together.
    this.#killAt = Array.from({ length: kills }, (_, index) =>
      Math.floor(((index + random.float()) * steps) / kills),
    );
  }

  /** How often the server was killed so far. */
  get kills(): number {
    return this.#kills;
  }

  /** Call while a step is under way. */
  step(): void {
    if (this.#killAt[0] === undefined || this.#step++ < this.#killAt[0]) return;
    this.#killAt.shift();
    this.#under = this.#under.then(() => this.#kill());
  }

  /** Resolves once the server runs again. */
  over(): Promise<void> {
    return this.#under;
  }

  async #kill(): Promise<void> {
    this.#kills++;
    try {
      const killed = this.#server.kill();
      this.#onServer();
      await killed;
      await this.#server.start();
      this.#onServer();
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
