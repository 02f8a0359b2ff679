import { ChatError } from "./chat-error.js";
import { assertId } from "./ids.js";
import { LIMITS } from "./limits.js";

/**
 * Checks that a value is a list of user ids that one message may mention. Whether they are members is for the server to see.
 * @throws ChatError `invalid_argument`, `limit_exceeded`
 */
export function assertMentions(value: unknown): asserts value is readonly string[] {
  if (!Array.isArray(value)) throw new ChatError("invalid_argument", "mentions must be a list of user ids.");
  if (value.length > LIMITS.mentionsPerMessage) {
    throw new ChatError("limit_exceeded", `A message mentions at most ${LIMITS.mentionsPerMessage} users.`);
  }
  for (const userId of value as readonly unknown[]) assertId(userId, "A user id in mentions");
}
