import type { Clock } from "@chat/protocol";

/** How much of something is allowed: `burst` at once, `perSecond` for good. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * A token bucket in one number: the time at which it will be full again. A bucket that is full needs no number at all.
 * @returns the bucket afterwards, and how long to wait; 0 means that the tokens were taken
 */
export function takeTokens(
  fullAt: number | undefined,
  now: number,
  { burst, perSecond }: Rate,
  tokens: number,
): { readonly fullAt: number; readonly wait: number } {
  const since = Math.max(fullAt ?? now, now);
  // What is larger than the bucket passes when it is full, or else it would never pass.
  const cost = (Math.min(tokens, burst) / perSecond) * 1_000;
  const capacity = (burst / perSecond) * 1_000;
  if (since + cost - now <= capacity) return { fullAt: since + cost, wait: 0 };
  // Until a second's worth is there: who comes back for every single token is refused as often as served.
  const worthwhile = Math.max(cost, Math.min(capacity, 1_000));
  return { fullAt: since, wait: since + worthwhile - capacity - now };
}

/** The bucket of one connection. */
export class TokenBucket {
  #fullAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly rate: Rate,
  ) {}

  /** Takes tokens if there are so many. @returns 0, or how many ms to wait */
  take(tokens = 1): number {
    const { fullAt, wait } = takeTokens(this.#fullAt, this.clock.monotonic(), this.rate, tokens);
    this.#fullAt = fullAt;
    return wait;
  }
}

/** A bucket per key, in bounded memory. */
export class KeyedTokenBuckets {
  /** By last use, the longest unused first. */
  readonly #fullAt = new Map<string, number>();

  /** @param keys the most buckets; beyond it the longest unused one is forgotten, and so is full again */
  constructor(
    private readonly clock: Clock,
    private readonly rate: Rate,
    private readonly keys: number,
  ) {}

  /** Buckets that are not known to be full. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** As {@link TokenBucket.take}. */
  take(key: string, tokens = 1): number {
    const now = this.clock.monotonic();
    const before = this.#fullAt.get(key);
    if (before === undefined) this.#makeRoom(now);
    else this.#fullAt.delete(key);
    const { fullAt, wait } = takeTokens(before, now, this.rate, tokens);
    this.#fullAt.set(key, fullAt);
    return wait;
  }

  /** Two out for one in: the map shrinks to the buckets in use, and nobody waits for a sweep. */
  #makeRoom(now: number): void {
    let looked = 0;
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt <= now || this.#fullAt.size >= this.keys) this.#fullAt.delete(key);
      if (++looked === 2) break;
    }
  }
}
