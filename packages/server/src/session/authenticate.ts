import { type Cancel, ChatError, isChatError, isId, type Runtime } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import type { Peer } from "./socket.js";

/** What the application's `authenticate` is given. */
export interface AuthenticateRequest extends Peer {
  /** What the device sent in its hello, or the bearer token of an HTTP request. Not checked yet. */
  readonly token: string;
  /** Fires when the answer would come too late. */
  readonly signal: AbortSignal;
}

/**
 * The application's check of a token. Resolve with the user; throw or reject to refuse. An error that is retryable
 * (`new ChatError("unauthenticated", …, { retryable: true })`) tells the device to try again with the same token.
 */
export type Authenticate = (
  request: AuthenticateRequest,
) => Promise<{ readonly userId: string }> | { readonly userId: string };

/**
 * Runs `authenticate` within a deadline.
 * @throws ChatError `unauthenticated`
 */
export async function authenticateWithin(
  deadline: number,
  runtime: Runtime,
  authenticate: Authenticate,
  request: Omit<AuthenticateRequest, "signal">,
): Promise<string> {
  const controller = new AbortController();
  let cancel: Cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = runtime.clock.schedule(deadline, () => {
      controller.abort();
      reject(
        new ChatError("unauthenticated", "Checking the token took too long; try again.", { retryable: true }),
      );
    });
  });
  try {
    const check = async (): Promise<{ readonly userId: string }> =>
      authenticate({ ...request, signal: controller.signal });
    const { userId } = await Promise.race([check(), late]);
    if (!isId(userId)) throw new Error("authenticate gave no valid userId");
    return userId;
  } catch (error) {
    if (isChatError(error)) throw error;
    runtime.log("info", "authentication_refused", { ...loggableError(error) });
    throw new ChatError("unauthenticated", "The token was refused; get a new one.", { cause: error });
  } finally {
    cancel();
  }
}
