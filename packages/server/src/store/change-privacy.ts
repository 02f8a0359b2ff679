import type { UserPrivacy } from "@chat/protocol";
import type { PrivacyChange } from "./conversation-store.js";

/** What a user tells others after a change; the same object if it says nothing new. */
export function changePrivacy(before: UserPrivacy, change: PrivacyChange): UserPrivacy {
  const { typing = before.typing, readReceipts = before.readReceipts } = change;
  if (typing === before.typing && readReceipts === before.readReceipts) return before;
  return { version: before.version + 1, typing, readReceipts };
}
