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

/** The answer did not come in time, and the connection was closed. */
export class AnswerOverdue extends Error {}
