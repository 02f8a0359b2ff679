/** Cancels what was scheduled; harmless when it has already run. */
export type Cancel = () => void;

/** Time, as client and server see it. A simulation supplies its own. */
export interface Clock {
  /** Wall-clock milliseconds since 1970. Shown and stored, never used to decide anything. */
  now(): number;
  /** Milliseconds from an arbitrary start that never jump; for durations. */
  monotonic(): number;
  /** Runs the callback once after about `delay` ms, however large; what comes from a peer may be. */
  schedule(delay: number, callback: () => void): Cancel;
  /** Runs the callback after the current turn of the event loop has read what was waiting for it. */
  nextTurn(callback: () => void): void;
}

/** Chance, as client and server see it. */
export interface Random {
  /** Cryptographically strong bytes (in production). */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1), for jitter. */
  float(): number;
}

/** How much a log line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Where log lines go. `fields` only ever holds names of events, ids, codes, counts and durations:
 * no text, token or data of a user.
 */
export type Logger = (
  level: LogLevel,
  event: string,
  fields: Readonly<Record<string, string | number | boolean | undefined>>,
) => void;

/** All that client and server take from the world besides sockets and storage. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** 24 days. Platforms take a longer delay for none at all. */
const MAX_DELAY = 2 ** 31 - 1;

/** The real world. Reads no global before it is called, so that imports have no side effects. */
export function systemRuntime(log: Logger = () => {}): Runtime {
  return {
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      schedule(delay, callback) {
        const timer = setTimeout(callback, Math.min(delay, MAX_DELAY));
        return () => clearTimeout(timer);
      },
      nextTurn(callback) {
        if (typeof setImmediate === "function") setImmediate(callback);
        else setTimeout(callback, 0);
      },
    },
    random: {
      // randomUUID is missing on plain-http pages; getRandomValues is everywhere.
      bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      float: () => Math.random(),
    },
    log,
  };
}
