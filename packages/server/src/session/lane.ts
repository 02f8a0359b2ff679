import { ChatError, type SendMessageFrame } from "@chat/protocol";
import type { AppendOutcome } from "../store/message-store.js";

/** The most messages that one append of a lane carries. */
const BATCH = 128;

/**
 * The sends of one session into one conversation. One append is under way at a time and carries all that waits, so
 * that a failed batch can't be overtaken. After a failure that the same message may not meet again (a retryable one, or
 * because the sender is no member) everything is refused as `out_of_order` until the device, having heard of it, begins
 * again with a message that says `first`: one that has not heard of it sends the failed message again.
 */
export class Lane {
  #waiting: SendMessageFrame[] = [];
  #running = false;
  #blocked: boolean;

  /**
   * @param limit messages that may wait
   * @param send stores a batch, one outcome per message; never rejects
   * @param answer tells the device
   * @param isBlocked something may have failed before: refuses what does not say `first`
   */
  constructor(
    private readonly limit: number,
    private readonly send: (messages: readonly SendMessageFrame[]) => Promise<readonly AppendOutcome[]>,
    private readonly answer: (message: SendMessageFrame, outcome: AppendOutcome) => void,
    isBlocked = false,
  ) {
    this.#blocked = isBlocked;
  }

  /** True while messages wait to be stored, or are. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** True if the lane holds nothing that must be remembered. */
  get isIdle(): boolean {
    return !this.#running && !this.#blocked;
  }

  /** @param isFull nothing more may wait in all lanes together */
  push(message: SendMessageFrame, isFull = false): void {
    if (message.first === true) this.#blocked = false;
    if (this.#blocked) {
      this.#refuse(
        message,
        "out_of_order",
        "A message before this one failed; send all of them again, in order.",
      );
    } else if (isFull || this.#waiting.length >= this.limit) {
      this.#blocked = true;
      this.#refuse(
        message,
        "overloaded",
        "Too many messages wait to be stored; send it again a little later.",
      );
    } else {
      this.#waiting.push(message);
      if (this.#running) return;
      this.#running = true;
      void this.#run();
    }
  }

  async #run(): Promise<void> {
    // Behind all frames of the chunk that is being read; a whole turn later others would have to wait for a commit of their own.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      const outcomes = await this.send(batch);
      batch.forEach((message, index) => {
        const outcome = outcomes[index]!;
        if (outcome.status === "refused" && mayPass(outcome.error)) this.#blocked = true;
        this.answer(message, outcome);
      });
      if (this.#blocked) {
        const behind = this.#waiting;
        this.#waiting = [];
        for (const message of behind) this.push(message);
      }
    }
    this.#running = false;
  }

  #refuse(message: SendMessageFrame, code: "out_of_order" | "overloaded", sentence: string): void {
    this.answer(message, { status: "refused", error: new ChatError(code, sentence) });
  }
}

/** True if the same message may be stored later. */
function mayPass({ retryable, code }: ChatError): boolean {
  return retryable || code === "forbidden" || code === "not_found";
}
