import { type ChatError, type ErrorFrame, firstCharacters, LIMITS } from "@chat/protocol";

/** What a device is told of an error; 0 stands for the connection itself. */
export function errorFrame(requestId: number, error: ChatError): ErrorFrame {
  return {
    type: "error",
    requestId,
    code: error.code,
    message: firstCharacters(error.message, LIMITS.errorMessageCharacters),
    retryable: error.retryable,
    ...(error.retryAfter !== undefined && { retryAfter: Math.round(error.retryAfter) }),
  };
}
