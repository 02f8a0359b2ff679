import { ChatError, type Clock } from "@chat/protocol";
import type { ServerSettings } from "../settings.js";
import { KeyedTokenBuckets, type Rate, TokenBucket } from "./token-bucket.js";

/** What operations are counted as: storing a message, reading, listing, changing conversations and profiles. */
export type OperationClass = "send" | "read" | "list" | "write";

/** What one asker may still do. */
export interface Allowance {
  /** Takes one operation off. @returns the refusal, if it was one too many */
  take(operation: OperationClass): ChatError | undefined;
}

/** The users whose rates are remembered; each takes about 100 bytes. A forgotten one begins anew. */
const USERS = 100_000;

const CLASSES: readonly OperationClass[] = ["send", "read", "list", "write"];

function rateOf(settings: ServerSettings, operation: OperationClass, share = 1): Rate {
  const burst = settings[`${operation}Burst` as const];
  const perSecond = settings[`${operation}Rate` as const];
  return { burst: Math.max(1, burst * share), perSecond: perSecond * share };
}

function byClass<T>(make: (operation: OperationClass) => T): Record<OperationClass, T> {
  return Object.fromEntries(CLASSES.map((operation) => [operation, make(operation)])) as Record<
    OperationClass,
    T
  >;
}

function refusal(whose: string, wait: number): ChatError {
  return new ChatError("rate_limited", `Too many requests of this ${whose}; wait before the next one.`, {
    retryAfter: Math.ceil(wait),
  });
}

/** A connection's share of what its user may do. Most connections ask for little, and are many: a bucket is there once it was taken from. */
class ConnectionAllowance implements Allowance {
  #own: Map<OperationClass, TokenBucket> | undefined;

  constructor(
    private readonly rates: OperationRates,
    private readonly userId: string,
  ) {}

  take(operation: OperationClass): ChatError | undefined {
    this.#own ??= new Map();
    let bucket = this.#own.get(operation);
    if (bucket === undefined) {
      bucket = this.rates.bucketOfConnection(operation);
      this.#own.set(operation, bucket);
    }
    const wait = bucket.take();
    // The connection goes first: one that floods must not use up what the user's others need.
    return wait === 0 ? this.rates.takeOfUser(operation, this.userId) : refusal("connection", wait);
  }
}

/** How many operations a user, and a connection of theirs, may ask this server for in the time. */
export class OperationRates {
  readonly #users: Record<OperationClass, KeyedTokenBuckets>;
  /** What one connection may use of them. */
  readonly #shares: Record<OperationClass, Rate>;

  constructor(
    private readonly clock: Clock,
    settings: ServerSettings,
  ) {
    this.#users = byClass((operation) => new KeyedTokenBuckets(clock, rateOf(settings, operation), USERS));
    this.#shares = byClass((operation) => rateOf(settings, operation, settings.connectionShare));
  }

  /** What a user may do, over all connections and HTTP. */
  ofUser(userId: string): Allowance {
    return { take: (operation) => this.takeOfUser(operation, userId) };
  }

  /** What one connection of a user may do: its share, as long as the user has any left. */
  ofConnection(userId: string): Allowance {
    return new ConnectionAllowance(this, userId);
  }

  /** Takes one operation off what a user may do. @returns the refusal, if it was one too many */
  takeOfUser(operation: OperationClass, userId: string): ChatError | undefined {
    const wait = this.#users[operation].take(userId);
    return wait === 0 ? undefined : refusal("user", wait);
  }

  /** What one connection may do of a kind, to be taken from. */
  bucketOfConnection(operation: OperationClass): TokenBucket {
    return new TokenBucket(this.clock, this.#shares[operation]);
  }
}
