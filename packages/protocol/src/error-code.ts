/** What a code means to a client: may the very same request be tried again later? */
interface ErrorCodeMeaning {
  readonly retryable: boolean;
}

/**
 * The stable codes. A code is never renamed or given another meaning; new ones may come,
 * and a client treats a code that it does not know by the `retryable` flag beside it.
 */
export const ERROR_CODES = {
  /** The token was refused, or belongs to another user than the hello named. A new token may help. */
  unauthenticated: { retryable: false },
  /** No valid hello within the server's deadline. */
  hello_timeout: { retryable: true },
  /** Another frame came before the hello, or a second hello. */
  hello_expected: { retryable: false },
  /** The peer speaks no version that this side knows. */
  unsupported_version: { retryable: false },
  /** A request of a kind that this server does not know. */
  unsupported: { retryable: false },
  /** Bytes that are no frame, or a frame whose fields break its schema. */
  malformed_frame: { retryable: false },
  /** More bytes, frames, depth or values than the limits allow. */
  frame_too_large: { retryable: false },
  /** A parameter breaks its rule; the message names it. */
  invalid_argument: { retryable: false },
  /** A message needs text or data. */
  text_empty: { retryable: false },
  /** More code points than the server's limit. */
  text_too_long: { retryable: false },
  /** Text with a lone surrogate, which no UTF-8 can carry. */
  text_malformed: { retryable: false },
  /** `data` is too large, too deep, or holds what JSON can't. */
  data_invalid: { retryable: false },
  /** Somebody whom the message mentions is no member of the conversation now; whether such a user exists is not said. */
  mention_unknown: { retryable: false },
  /** The conversation does not exist, or the user may not know whether it does. */
  not_found: { retryable: false },
  /** The other user has blocked this one, who can't write to them, or add them to a group. */
  blocked: { retryable: false },
  /** This user has blocked the other one: to write to them, unblock them first. */
  unblock_first: { retryable: false },
  /** The user's role does not allow it. */
  forbidden: { retryable: false },
  /** The id is taken by another conversation, or the idempotency key by another request. */
  conflict: { retryable: false },
  /** A limit on how many (members, intervals…) was reached; the message names it. */
  limit_exceeded: { retryable: false },
  /** The position that was sent is not the store's: the peer's copy comes from a history that the store has lost. */
  diverged: { retryable: false },
  /** The cursor comes from a history that the store has lost, or is no cursor: list everything anew. */
  cursor_invalid: { retryable: false },
  /** A message before this one, from the same device into the same conversation, failed: send all of them again, in order. */
  out_of_order: { retryable: true },
  /** Membership kept changing while the request was carried out. */
  membership_moved: { retryable: true },
  /** Too much is waiting; refused before anything was stored. */
  overloaded: { retryable: true },
  /** More than this connection or user may ask for in the time; refused before anything was stored. */
  rate_limited: { retryable: true },
  /** The store did not answer, is locked, full or broken. Nothing was acknowledged. */
  store_unavailable: { retryable: true },
  /** The server is going away. */
  shutting_down: { retryable: true },
  /** No answer in time; the request may or may not have been carried out. */
  timeout: { retryable: true },
  /** The connection went away before the answer; the request may or may not have been carried out. */
  disconnected: { retryable: true },
  /** The caller's AbortSignal fired. */
  aborted: { retryable: false },
  /** This client or server was closed. */
  closed: { retryable: false },
  /** The device's storage refused. */
  storage_failed: { retryable: true },
  /** A defect on this side; details are in its log. */
  internal: { retryable: true },
} as const satisfies Record<string, ErrorCodeMeaning>;

/** One of the stable codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The codes of requests that may succeed later, unchanged; by themselves, as they are all that a device needs to know. */
export const RETRYABLE_CODES: readonly string[] = [
  "hello_timeout",
  "out_of_order",
  "membership_moved",
  "overloaded",
  "rate_limited",
  "store_unavailable",
  "shutting_down",
  "timeout",
  "disconnected",
  "storage_failed",
  "internal",
] satisfies { [C in ErrorCode]: (typeof ERROR_CODES)[C]["retryable"] extends true ? C : never }[ErrorCode][];

/** True for a code that this version knows. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}
