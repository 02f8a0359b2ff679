import { ChatError } from "@chat/protocol";
import type { AdvancedReceipt, ReceiptAdvance } from "../conversation-store.js";

/** Advances that share one commit; one call's are never divided. */
const ADVANCES_PER_COMMIT = 1_000;
/** Advances that may wait. What comes beyond is refused with `overloaded`. */
const WAITING_ADVANCES = 20_000;

type Advanced = readonly (AdvancedReceipt | undefined)[];

interface Call {
  readonly advances: readonly ReceiptAdvance[];
  resolve(advanced: Advanced): void;
  reject(error: unknown): void;
}

/** Lets calls that come while a commit is under way share the next one: members read in crowds. */
export class ReceiptQueue {
  readonly #advance: (advances: readonly ReceiptAdvance[]) => Promise<Advanced>;
  readonly #waiting: Call[] = [];
  #size = 0;
  #isRunning = false;

  /** @param advance in one transaction, in their order */
  constructor(advance: (advances: readonly ReceiptAdvance[]) => Promise<Advanced>) {
    this.#advance = advance;
  }

  add(advances: readonly ReceiptAdvance[]): Promise<Advanced> {
    if (this.#size + advances.length > WAITING_ADVANCES) {
      const sentence = `${this.#size} receipts are waiting for the database; try again later.`;
      return Promise.reject(new ChatError("overloaded", sentence));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ advances, resolve, reject });
      this.#size += advances.length;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const calls = this.#nextCalls();
      const advances = calls.flatMap((call) => call.advances);
      this.#size -= advances.length;
      try {
        const advanced = await this.#advance(advances);
        let at = 0;
        for (const { advances: own, resolve } of calls) resolve(advanced.slice(at, (at += own.length)));
      } catch (error) {
        // Nothing was written, or perhaps all of it; who tries again moves what did not.
        for (const { reject } of calls) reject(error);
      }
    }
    this.#isRunning = false;
  }

  #nextCalls(): Call[] {
    let size = 0;
    const end = this.#waiting.findIndex(({ advances }) => (size += advances.length) > ADVANCES_PER_COMMIT);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }
}
