import type { SendQueue } from "./send-queue.js";

/**
 * When send queues are flushed: all that was filled in one turn of the event loop together, at its end. A queue that holds an
 * answer goes first, so that no sender waits for what its message costs to bring to all the others.
 */
export class OutboundTurn {
  #answering: SendQueue[] = [];
  #others: SendQueue[] = [];

  constructor(private readonly nextTurn: (callback: () => void) => void) {}

  /** Flushes a queue at the end of the turn. */
  add(queue: SendQueue, holdsAnswer: boolean): void {
    if (this.#answering.length === 0 && this.#others.length === 0) this.nextTurn(() => this.#flush());
    (holdsAnswer ? this.#answering : this.#others).push(queue);
  }

  #flush(): void {
    const [answering, others] = [this.#answering, this.#others];
    [this.#answering, this.#others] = [[], []];
    for (const queue of answering) queue.flush();
    for (const queue of others) queue.flush();
  }
}
