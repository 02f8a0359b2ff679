import { type ErrorCode, RETRYABLE_CODES } from "./error-code.js";

const BRAND = "@chat/error";

/** What an error may carry besides its code and sentence. */
export interface ChatErrorOptions {
  /** Overrules the code's own meaning; used for codes that came over the wire. */
  readonly retryable?: boolean;
  /** Milliseconds to wait before trying again, when the refusing side knows. */
  readonly retryAfter?: number;
  /** What went wrong beneath. Never sent over the wire. */
  readonly cause?: unknown;
}

/**
 * The one error type of client and server: a stable `code` and a sentence that says what to do. Made with an empty one, as in the
 * client's build for browsers, the message names the code, and docs/errors.md says what to do.
 * Recognise it with {@link isChatError}, which works across copies of this package.
 */
export class ChatError extends Error {
  override readonly name = "ChatError";
  /** A stable {@link ErrorCode}, or a newer peer's code that this version does not know. */
  readonly code: ErrorCode | (string & {});
  /** True if the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** Milliseconds to wait before trying again, when known. */
  readonly retryAfter: number | undefined;
  readonly brand = BRAND;

  constructor(code: ErrorCode | (string & {}), message: string, options: ChatErrorOptions = {}) {
    // The client's build for browsers has no sentences.
    super(
      message || `${code}: see docs/errors.md#${code}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE_CODES.includes(code);
    this.retryAfter = options.retryAfter;
  }
}

/** True for a {@link ChatError} of any copy or version of this package (a brand, not `instanceof`). */
export function isChatError(value: unknown): value is ChatError {
  return typeof value === "object" && value !== null && (value as { brand?: unknown }).brand === BRAND;
}
