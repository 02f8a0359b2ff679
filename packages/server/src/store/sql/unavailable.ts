import { ChatError } from "@chat/protocol";

/** A `store_unavailable` with a sentence for the operator. */
export function unavailable(sentence: string, cause?: unknown): ChatError {
  return new ChatError("store_unavailable", sentence, { cause });
}

/** The error of every call after `close()`. */
export function closedError(): ChatError {
  return new ChatError("closed", "The store was closed.");
}
