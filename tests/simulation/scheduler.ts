import type { Cancel } from "@chat/protocol";

/** Whoever events belong to: one run of a server or of a device's application. */
export class Party {
  alive = true;
  /** Until then nothing of it runs: a paused process, a sleeping laptop. */
  frozenUntil = 0;

  constructor(readonly name: string) {}
}

interface Event {
  /** When it runs at the earliest. */
  at: number;
  /** When it would have run, had its owner not been frozen. */
  readonly due: number;
  readonly order: number;
  readonly owner: Party | undefined;
  run: (() => void) | undefined;
}

/** One queue of everything that is to happen, by virtual time and then by the order in which it was asked for. */
export class Scheduler {
  /** Virtual ms since the world began. */
  now = 0;
  /** Events that ran. */
  count = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  /** Runs something after a delay, unless its owner is dead by then; if its owner is frozen, once it is not. */
  after(delay: number, owner: Party | undefined, run: () => void): Cancel {
    return this.at(this.now + Math.max(0, delay), owner, run);
  }

  /** The same at a given time, which is not past. */
  at(time: number, owner: Party | undefined, run: () => void): Cancel {
    const event: Event = { at: time, due: time, order: this.#order++, owner, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs what falls due until then, or until told to stop. After each event all promises run out. */
  async runUntil(end: number, isOver: () => boolean): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > end || isOver()) break;
      this.#pop();
      const { run, owner } = next;
      if (run === undefined || owner?.alive === false) continue;
      if (owner !== undefined && owner.frozenUntil > next.at) {
        // Those that wait for the same thaw run in the order in which they would have run.
        next.at = owner.frozenUntil;
        this.#push(next);
        continue;
      }
      this.now = next.at;
      this.count++;
      run();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (!isOver()) this.now = Math.max(this.now, end);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  if (left.at !== right.at) return left.at < right.at;
  return left.due < right.due || (left.due === right.due && left.order < right.order);
}
