import { ChatError, isChatError, isId, type Runtime, SYSTEM_USER } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import { inTime } from "../in-time.js";
import type { Peer } from "./socket.js";

/** What the application's `authenticate` is given. */
export interface AuthenticateRequest extends Peer {
  /** What the device sent in its hello or to refresh it, or the bearer token of an HTTP request. Not checked yet. */
  readonly token: string;
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/** Who a token belongs to. */
export interface Authenticated {
  /** 1 to 128 UTF-8 bytes without control characters. */
  readonly userId: string;
  /**
   * Until when the token counts, in wall-clock ms since 1970 (of a JWT `exp * 1000`). A connection is asked for a new one
   * in time, and closed then without it. Without an expiry a connection lasts until somebody ends it.
   */
  readonly expiresAt?: number;
}

/**
 * The application's check of a token: asked for each connection, each refresh and each HTTP request, so that a token that
 * was revoked does not come in again. Resolve with the user; throw or reject to refuse. An error that is retryable
 * (`new ChatError("unauthenticated", …, { retryable: true })`) tells the device to try again with the same token:
 * for when the check itself could not be made.
 */
export type Authenticate = (request: AuthenticateRequest) => Promise<Authenticated> | Authenticated;

/**
 * Runs `authenticate` within a deadline.
 * @throws ChatError `unauthenticated`
 */
export async function authenticateWithin(
  deadline: number,
  runtime: Runtime,
  authenticate: Authenticate,
  request: Omit<AuthenticateRequest, "signal">,
): Promise<Authenticated> {
  const controller = new AbortController();
  const late = (): ChatError => {
    controller.abort();
    const sentence = "Checking the token took too long; try again.";
    return new ChatError("unauthenticated", sentence, { retryable: true });
  };
  try {
    const check = async (): Promise<Authenticated> => authenticate({ ...request, signal: controller.signal });
    const { userId, expiresAt } = await inTime(runtime.clock, deadline, late, check());
    if (!isId(userId)) throw new Error("authenticate gave no valid userId");
    if (userId === SYSTEM_USER) throw new Error("authenticate gave the system's own userId");
    if (expiresAt === undefined) return { userId };
    // NaN, an instant as a Date, seconds in a string: the connection must not last for ever by mistake.
    if (typeof expiresAt !== "number" || Number.isNaN(expiresAt)) {
      throw new Error("authenticate gave an expiresAt that is no number of milliseconds");
    }
    if (expiresAt <= runtime.clock.now()) {
      throw new ChatError("unauthenticated", "The token has expired; get a new one.");
    }
    return { userId, expiresAt };
  } catch (error) {
    if (isChatError(error)) throw error;
    runtime.log("info", "authentication_refused", { ...loggableError(error) });
    throw new ChatError("unauthenticated", "The token was refused; get a new one.", { cause: error });
  }
}
