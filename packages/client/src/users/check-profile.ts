import { assertData, ChatError, fitsCharacters, isWellFormed, LIMITS } from "@chat/protocol";

/**
 * Checks the name and the data of a user or a conversation.
 * @throws ChatError `invalid_argument`, `data_invalid`
 */
export function checkProfile(name: string | undefined, data: unknown): void {
  if (name !== undefined && !(fitsCharacters(name, LIMITS.nameCharacters) && isWellFormed(name))) {
    throw new ChatError("invalid_argument", `A name may have ${LIMITS.nameCharacters} characters.`);
  }
  if (data !== undefined) assertData(data);
}
