import { SYSTEM_USER } from "@chat/protocol";
import type { Draft } from "./message-store.js";

/** True for a message of one of two of whom one has blocked the other; whoever allowed it did not know. */
export function isKeptOut(
  { senderId, countsAsUnread }: Pick<Draft, "senderId" | "countsAsUnread">,
  { isBlocked }: { readonly isBlocked: number | boolean },
): boolean {
  return Boolean(isBlocked) && countsAsUnread && senderId !== SYSTEM_USER;
}
