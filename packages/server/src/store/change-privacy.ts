import { ChatError, LIMITS, type UserPrivacy } from "@chat/protocol";
import type { PrivacyChange } from "./conversation-store.js";

/**
 * What a user tells others after a change; the same object if it says nothing new.
 * @throws ChatError `limit_exceeded` for too many blocked users
 */
export function changePrivacy(before: UserPrivacy, change: PrivacyChange): UserPrivacy {
  const { typing = before.typing, readReceipts = before.readReceipts, block = [], unblock = [] } = change;
  const blocked = new Set([...before.blocked, ...block]);
  for (const userId of unblock) blocked.delete(userId);
  if (blocked.size > LIMITS.blockedUsers && block.length > 0) {
    throw new ChatError(
      "limit_exceeded",
      `Block at most ${LIMITS.blockedUsers} users; unblock others first.`,
    );
  }
  const isSame =
    blocked.size === before.blocked.length && before.blocked.every((userId) => blocked.has(userId));
  if (typing === before.typing && readReceipts === before.readReceipts && isSame) return before;
  return { version: before.version + 1, typing, readReceipts, blocked: [...blocked].sort() };
}
