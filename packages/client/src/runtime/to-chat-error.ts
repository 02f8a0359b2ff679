import { ChatError, isChatError } from "@chat/protocol";

/** What was thrown, with `internal` for what is no error of the chat's. */
export function toChatError(cause: unknown): ChatError {
  return isChatError(cause) ? cause : new ChatError("internal", String(cause), { cause });
}
