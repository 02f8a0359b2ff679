import type { Clock, Random, Runtime } from "@chat/protocol";

/** Enough rounds of the microtask queue for what one event sets off to come to rest. */
const MICROTASKS = 200;

/** A clock that moves only when it is told to, so that tests need not wait. */
export interface VirtualClock extends Clock {
  /** Moves on by so many ms, running what falls due in order; promises settle in between. */
  advance(ms: number): Promise<void>;
  /** The device sleeps for so many ms: the wall clock goes on, while timers and the monotonic clock stand still. */
  sleep(ms: number): void;
  /** Lets promises settle without time passing. */
  settle(): Promise<void>;
  /** Callbacks that are scheduled. */
  readonly scheduled: number;
}

/** @param start wall-clock ms at which it begins */
export function virtualClock(start = 1_700_000_000_000): VirtualClock {
  let now = 0;
  let order = 0;
  const due = new Map<number, { at: number; callback: () => void }>();

  async function settle(): Promise<void> {
    for (let round = 0; round < MICROTASKS; round++) await Promise.resolve();
  }

  function schedule(delay: number, callback: () => void): () => void {
    const id = ++order;
    due.set(id, { at: now + Math.max(0, delay), callback });
    return () => void due.delete(id);
  }

  return {
    now: () => Math.floor(start + now),
    monotonic: () => now,
    schedule,
    nextTurn: (callback) => void schedule(0, callback),
    settle,
    sleep(ms) {
      start += ms;
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        let next: number | undefined;
        for (const [id, { at }] of due) {
          if (at <= until && (next === undefined || at < due.get(next)!.at)) next = id;
        }
        if (next === undefined) break;
        const { at, callback } = due.get(next)!;
        due.delete(next);
        now = Math.max(now, at);
        callback();
        await settle();
      }
      now = until;
    },
    get scheduled() {
      return due.size;
    },
  };
}

/** Chance that comes out the same for the same seed (mulberry32). Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    float: next,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}

/** A runtime for tests: virtual time, and chance of a seed. */
export function virtualRuntime(clock: VirtualClock, seed = 1): Runtime {
  return { clock, random: seededRandom(seed), log: () => {} };
}
