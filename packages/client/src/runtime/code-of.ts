import { isChatError } from "@chat/protocol";

/** The code of what was thrown. */
export function codeOf(error: unknown): string {
  return isChatError(error) ? error.code : "internal";
}
