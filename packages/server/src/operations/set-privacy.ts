import {
  assertId,
  ChatError,
  type ConversationPrivacy,
  DEFAULT_PRIVACY,
  type OwnReceipt,
  SYSTEM_USER,
  type UserPrivacy,
} from "@chat/protocol";
import type { PrivacyChange } from "../store/conversation-store.js";
import { authorizeMember } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";
import { storeReceipt } from "./receipts.js";

/** What a conversation may say of one thing; `default`: as everywhere. */
export type PrivacyChoice = "on" | "off" | "default";

/** All of them. */
export const PRIVACY_CHOICES: readonly PrivacyChoice[] = ["on", "off", "default"];

/** What the caller tells the others of one conversation; what is absent stays. */
export type ConversationPrivacyChange = {
  readonly [K in keyof Omit<ConversationPrivacy, "version">]?: PrivacyChoice;
};

/**
 * What the caller tells others.
 * @throws ChatError `invalid_argument` (the system), `forbidden` (by the application), `store_unavailable`
 */
export async function getPrivacy(context: OperationContext, caller: Caller): Promise<UserPrivacy> {
  assertUser(caller);
  await context.hooks.authorize(caller, { operation: "get-privacy" });
  return (await context.conversations.privacies([caller.userId])).get(caller.userId) ?? DEFAULT_PRIVACY;
}

/**
 * Sets what the caller tells others, for all devices and all conversations that say nothing else, and whom the caller blocks. What was told stays told.
 * @throws ChatError `invalid_argument` (the system, oneself), `limit_exceeded` (too many blocked), `forbidden` (by the application), `store_unavailable`
 */
export async function setPrivacy(
  context: OperationContext,
  caller: Caller,
  { typing, readReceipts, block, unblock }: PrivacyChange,
): Promise<UserPrivacy> {
  assertUser(caller);
  for (const userId of [...(block ?? []), ...(unblock ?? [])]) assertId(userId, "A blocked user's id");
  if (block?.includes(caller.userId) === true) {
    throw new ChatError("invalid_argument", "Nobody can block themselves.");
  }
  await context.hooks.authorize(caller, { operation: "set-privacy", ...(block && { members: block }) });
  const privacy = await context.conversations.setPrivacy(caller.userId, {
    ...(typing !== undefined && { typing }),
    ...(readReceipts !== undefined && { readReceipts }),
    ...(block !== undefined && { block }),
    ...(unblock !== undefined && { unblock }),
  });
  context.privacyChanged(caller.userId, privacy);
  return privacy;
}

/**
 * Sets what the caller tells the others of one conversation. Shown to the caller alone, on all devices; it ends with the membership.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument` (the system), `store_unavailable`
 */
export async function setConversationPrivacy(
  context: OperationContext,
  caller: Caller,
  { conversationId, typing, readReceipts }: ConversationPrivacyChange & { readonly conversationId: string },
): Promise<OwnReceipt> {
  assertUser(caller);
  await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "set-conversation-privacy", conversationId });
  const privacy = {
    ...(typing !== undefined && { typing: toldBy(typing) }),
    ...(readReceipts !== undefined && { readReceipts: toldBy(readReceipts) }),
  };
  return storeReceipt(context, { conversationId, userId: caller.userId, privacy });
}

function toldBy(choice: PrivacyChoice): boolean | null {
  return choice === "default" ? null : choice === "on";
}

function assertUser({ userId }: Caller): void {
  if (userId === SYSTEM_USER) throw new ChatError("invalid_argument", "The system tells nobody anything.");
}
