const TERMINAL_INTERVAL_MS = 1_000;
const SPARSE_INTERVAL_MS = 15_000;

/** What is shown while the replay runs. */
export interface ProgressFigures {
  readonly steps: number;
  readonly allSteps: number;
  readonly logs: number;
  readonly allLogs: number;
  readonly devices: number;
  readonly cuts: number;
  readonly kills: number;
}

/** Tells how far the replay is: each second on a terminal, now and then where the output is kept. */
export class Progress {
  readonly #figures: () => ProgressFigures;
  readonly #print: (line: string) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #started = performance.now();
  #lastSteps = 0;
  #lastAt = performance.now();

  constructor(figures: () => ProgressFigures, print: (line: string) => void, isTerminal: boolean) {
    this.#figures = figures;
    this.#print = print;
    this.#timer = setInterval(() => this.#tell(), isTerminal ? TERMINAL_INTERVAL_MS : SPARSE_INTERVAL_MS);
    // Telling is no reason to go on.
    this.#timer.unref();
  }

  /** Something worth a line of its own. */
  note(line: string): void {
    this.#print(line);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const { steps, allSteps, logs, allLogs, devices, cuts, kills } = this.#figures();
    const now = performance.now();
    const rate = ((steps - this.#lastSteps) * 1000) / (now - this.#lastAt);
    this.#lastSteps = steps;
    this.#lastAt = now;
    const seconds = Math.round((now - this.#started) / 1000);
    const share = Math.floor((steps * 100) / Math.max(1, allSteps));
    this.#print(
      `${String(seconds).padStart(4)} s  ${share} % of ${allSteps} lines, ${rate.toFixed(0)}/s; ` +
        `${logs} of ${allLogs} logs checked, ${devices} devices, ${cuts} cuts, ${kills} kills`,
    );
  }
}
