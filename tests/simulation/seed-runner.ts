import { Worker } from "node:worker_threads";
import type { SeedOptions, SeedResult } from "./run-seed.js";

/** Real ms after which a seed counts as hanging: an endless loop of promises lets no virtual time pass. */
const PATIENCE = 120_000;

/** Runs seeds of one bundle, one at a time, in a thread of its own. */
export class SeedRunner {
  #worker: Worker;

  constructor(private readonly bundle: string) {
    this.#worker = new Worker(bundle);
  }

  run(options: SeedOptions): Promise<SeedResult> {
    const worker = this.#worker;
    return new Promise<SeedResult>((resolve, reject) => {
      const timer = setTimeout(() => finish(() => resolve(this.#hung(options))), PATIENCE);
      const onMessage = (result: SeedResult): void => finish(() => resolve(result));
      const onError = (error: Error): void => finish(() => reject(error));
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        worker.off("message", onMessage);
        worker.off("error", onError);
        settle();
      };
      worker.on("message", onMessage);
      worker.on("error", onError);
      worker.postMessage(options);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #hung({ seed }: SeedOptions): SeedResult {
    void this.#worker.terminate();
    this.#worker = new Worker(this.bundle);
    const figures = { virtualMs: 0, events: 0, entries: 0, acknowledged: 0, drainMs: 0, tailMs: 0, hits: {} };
    const failure = { invariant: "it comes to rest", detail: "it hangs in one turn", trace: [] };
    return { seed, hash: "", ...figures, failure };
  }
}
