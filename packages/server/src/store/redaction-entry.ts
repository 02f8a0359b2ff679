import { ENTRY_KINDS, isSendableKind, type LatestMessage } from "@chat/protocol";
import type { StoredEntry } from "./stored-entry.js";

/** Which messages a stored entry has taken the words of; undefined for an entry of another kind than `redacted` and `erased`. */
export function redactionOf({
  kind,
  data,
}: Pick<StoredEntry, "kind" | "data">): ((latest: LatestMessage) => boolean) | undefined {
  if (kind === ENTRY_KINDS.redacted) return ({ messageId }) => messageId === data?.["messageId"];
  if (kind === ENTRY_KINDS.erased) return (latest) => isWrittenBy(latest, data?.["userId"]);
  return undefined;
}

/** True for a message of the user; membership entries stay when a user's words are erased. */
export function isWrittenBy({ senderId, kind }: LatestMessage, userId: unknown): boolean {
  return senderId === userId && (kind === undefined || isSendableKind(kind));
}
