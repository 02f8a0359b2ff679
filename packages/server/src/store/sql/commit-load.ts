import type { Draft } from "../message-store.js";

/** What shares one commit, in characters of text; one draft may have more. */
export const LOAD_PER_COMMIT = 2_097_152;
/** What a member counts for who comes, goes or reads: some rows, one of which may hold the conversation's name and data. */
export const LOAD_OF_MEMBER = 2_048;

/** How much of a commit's time and of its statements a draft takes, in characters of text. */
export function loadOf({ text = "", membership }: Draft): number {
  if (membership === undefined) return text.length;
  const { add, remove, roles = [] } = membership;
  return text.length + (add.length + remove.length + roles.length) * LOAD_OF_MEMBER;
}
