import type { SendQueue } from "./send-queue.js";

/**
 * The end of a turn of the event loop: what it has stored is delivered, and the send queues that were filled are flushed together. A queue
 * that holds an answer goes first, so that no sender waits for what its message costs to bring to all the others.
 */
export class OutboundTurn {
  #deliveries: (() => void)[] = [];
  #answering: SendQueue[] = [];
  #others: SendQueue[] = [];
  #isScheduled = false;

  constructor(private readonly nextTurn: (callback: () => void) => void) {}

  /** Delivers something at the end of the turn. */
  deliver(delivery: () => void): void {
    this.#schedule();
    this.#deliveries.push(delivery);
  }

  /** Flushes a queue at the end of the turn. */
  add(queue: SendQueue, holdsAnswer: boolean): void {
    this.#schedule();
    (holdsAnswer ? this.#answering : this.#others).push(queue);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.nextTurn(() => this.#end());
  }

  #end(): void {
    // A lone answer does not even wait for its message to be encoded for the others. Each of many would be a write more: they leave
    // with what is delivered to their devices.
    if (this.#answering.length === 1) this.#flushAnswers();
    const deliveries = this.#deliveries;
    this.#deliveries = [];
    try {
      for (const deliver of deliveries) deliver();
    } finally {
      this.#isScheduled = false;
      this.#flushAnswers();
      const others = this.#others;
      this.#others = [];
      for (const queue of others) queue.flush();
    }
  }

  #flushAnswers(): void {
    const answering = this.#answering;
    this.#answering = [];
    for (const queue of answering) queue.flush();
  }
}
