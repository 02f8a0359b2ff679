import {
  type Cancel,
  ChatError,
  type ClientFrame,
  isChatError,
  type Runtime,
  type ServerFrame,
} from "@chat/protocol";
import { aborted } from "../runtime/abortable.js";
import { backoff } from "../runtime/backoff.js";

type Named<F, T> = Extract<F, { readonly type: T }>;
/** Optional fields may also be given as undefined: on the wire it is the same. */
type Loose<F> = F extends unknown
  ? {
      [K in keyof F as K extends "requestId" ? never : K]: object extends Pick<F, K>
        ? F[K] | undefined
        : F[K];
    }
  : never;

/** Which frame answers which request. */
const ANSWERS = {
  "send-message": "message-stored",
  "get-range": "range",
  "list-conversations": "conversations",
  "list-changes": "changes",
  "create-conversation": "conversation",
  "get-conversation": "conversation",
  "add-members": "conversation",
  "remove-members": "conversation",
  "update-conversation": "conversation",
  "set-role": "conversation",
  "redact-message": "conversation",
  "send-receipts": "receipts",
  "count-receipts": "receipt-counts",
  "get-push": "push",
  "set-push": "push",
  "list-members": "members",
  "get-users": "users",
  "set-profile": "users",
  "watch-presence": "presences",
  "set-presence": "presences",
  "mute-conversation": "receipts",
  "set-privacy": "privacy",
  "set-conversation-privacy": "receipts",
  "refresh-token": "token-refreshed",
} as const;
type Answers = typeof ANSWERS;

/** A request without its requestId. */
export type Request = Extract<Loose<ClientFrame>, { readonly type: keyof Answers }>;
/** The answer to a request. */
type AnswerOf<R extends Request> = Named<ServerFrame, Answers[R["type"]]>;

/** How a request is to be treated. */
interface RequestSettings {
  readonly signal?: AbortSignal | undefined;
  /**
   * `call`: waits for a connection, and goes over to the next one; tried again when the failure is retryable.
   * `session`: belongs to this connection and fails with it (`disconnected`); else the same.
   * `once`: as `session`, and whoever asked decides about trying again.
   */
  readonly mode?: "call" | "session" | "once";
}

/** Asks, and finds the promise that an answer belongs to. */
export type Ask = <R extends Request>(request: R, settings?: RequestSettings) => Promise<AnswerOf<R>>;

/** Requests and their answers. All requests are idempotent, so each may be sent again. */
export interface Requests {
  readonly ask: Ask;
  /** A requestId that no request has. */
  nextId(): number;
  /** Hands over what may be an answer. @throws ChatError `malformed_frame` if it is one to another kind of request */
  answer(requestId: number, answer: ServerFrame | ChatError): void;
  /** There is a connection: sends what waited for it, in order. */
  connected(): void;
  disconnected(): void;
  /** Rejects everything, now and from now on. */
  close(): void;
}

interface Pending {
  readonly request: Request;
  /** That of the last time it was sent; 0 before. */
  requestId: number;
  readonly mode: RequestSettings["mode"];
  attempt: number;
  cancelRetry: Cancel;
  resolve(answer: ServerFrame): void;
  reject(error: ChatError): void;
}

/**
 * @param send gives a frame to the connection
 * @param timeout ms from asking to `timeout`
 */
export function createRequests(
  { clock, random }: Runtime,
  send: (frame: ClientFrame) => void,
  timeout: number,
): Requests {
  /** In the order in which they were asked. */
  const pending = new Set<Pending>();
  const unanswered = new Map<number, Pending>();
  let lastId = 0;
  let online = false;
  let closed = false;

  function ask(request: Request, { signal, mode = "call" }: RequestSettings = {}): Promise<ServerFrame> {
    return new Promise<ServerFrame>((resolve, reject) => {
      if (closed) return reject(new ChatError("closed", "This client was closed."));
      if (signal?.aborted) return reject(aborted(signal));
      if (!online && mode !== "call") return reject(disconnected());
      const settle = (): void => {
        pending.delete(entry);
        unanswered.delete(entry.requestId);
        cancelTimeout();
        entry.cancelRetry();
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => entry.reject(aborted(signal));
      const entry: Pending = {
        request,
        requestId: 0,
        mode,
        attempt: 0,
        cancelRetry: () => {},
        resolve(answer) {
          settle();
          resolve(answer);
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
      const cancelTimeout = clock.schedule(timeout, () =>
        entry.reject(new ChatError("timeout", "The server gave no answer in time; try again.")),
      );
      signal?.addEventListener("abort", onAbort);
      pending.add(entry);
      if (online) transmit(entry);
    });
  }

  /** Each time under another id, so that the answer to an earlier one is not taken for this one's. */
  function transmit(entry: Pending): void {
    unanswered.delete(entry.requestId);
    entry.requestId = ++lastId;
    unanswered.set(lastId, entry);
    send({ ...entry.request, requestId: lastId } as ClientFrame);
  }

  return {
    ask: ask as Ask,
    nextId: () => ++lastId,

    answer(requestId, answer) {
      const entry = unanswered.get(requestId);
      if (entry === undefined) return;
      if (!isChatError(answer)) {
        if (answer.type !== ANSWERS[entry.request.type]) {
          throw new ChatError("malformed_frame", `The server answered with ${answer.type}.`);
        }
        entry.resolve(answer);
      } else if (!answer.retryable || entry.mode === "once") entry.reject(answer);
      else {
        entry.cancelRetry = clock.schedule(answer.retryAfter ?? backoff(random, entry.attempt++), () => {
          if (online) transmit(entry);
        });
      }
    },

    connected() {
      online = true;
      for (const entry of pending) {
        entry.cancelRetry();
        transmit(entry);
      }
    },

    disconnected() {
      online = false;
      for (const { mode, reject } of pending) if (mode !== "call") reject(disconnected());
    },

    close() {
      closed = true;
      for (const { reject } of pending) reject(new ChatError("closed", "This client was closed."));
    },
  };
}

/** What was asked for may have been done or not: the connection is gone. */
export function disconnected(): ChatError {
  return new ChatError("disconnected", "The connection is gone; it is being made anew.");
}
