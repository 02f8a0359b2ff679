import type { ChatError } from "@chat/protocol";

/**
 * What a failure means for what is to be done next.
 * `again`: two transactions were in each other's way; the same again.
 * `lost`: the connection is gone; another one may do.
 * `engine`: the server can't be reached, or can't write; whoever waits for it is told so.
 * `busy`: somebody holds a lock for long.
 * `statement`: one statement failed; others may not.
 */
export interface EngineFailure {
  readonly kind: "again" | "lost" | "engine" | "busy" | "statement";
  readonly error: ChatError;
}

/** What Node's codes of sockets mean, whatever the engine. */
export function socketFailures(
  away: string,
  lost: string,
): Readonly<Record<string, readonly [EngineFailure["kind"], string]>> {
  return {
    ECONNREFUSED: ["engine", away],
    EHOSTUNREACH: ["engine", away],
    ENETUNREACH: ["engine", away],
    ENOTFOUND: ["engine", away],
    EAI_AGAIN: ["engine", away],
    ETIMEDOUT: ["engine", away],
    ENOENT: ["engine", away],
    ECONNRESET: ["lost", lost],
    EPIPE: ["lost", lost],
  };
}

/** The answer did not come in time, and the connection was closed. */
export class AnswerOverdue extends Error {}
