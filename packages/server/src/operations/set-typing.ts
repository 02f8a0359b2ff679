import { ChatError, SYSTEM_USER } from "@chat/protocol";
import { authorizeMember } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";

/**
 * Tells the members of a conversation who are connected that the caller is writing, or has stopped; in conversations of
 * more than `typingMembers` members nobody is told, nor where the caller tells nobody. Of two of whom one has blocked the other
 * none is told of the other. Kept nowhere.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument` (the system), `store_unavailable`
 */
export async function setTyping(
  context: OperationContext,
  caller: Caller,
  { conversationId, typing }: { readonly conversationId: string; readonly typing: boolean },
): Promise<void> {
  const { userId } = caller;
  if (userId === SYSTEM_USER) throw new ChatError("invalid_argument", "The system is seen by nobody.");
  const participation = await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "set-typing", conversationId });
  const { memberCount, typing: tells, blocks, blockedBy } = participation;
  if (blocks || blockedBy) return;
  if (!tells || memberCount > context.settings.typingMembers) return;
  const hiddenFrom = await blockedAmong(context, userId, conversationId);
  context.typing({ conversationId, userId, typing, hiddenFrom });
}

/** Whom of a conversation's members a user has blocked. Nothing is read for one who is connected here and has blocked nobody. */
async function blockedAmong(
  { conversations, blockedBy }: OperationContext,
  userId: string,
  conversationId: string,
): Promise<readonly string[]> {
  const blocked = blockedBy(userId) ?? (await conversations.privacies([userId])).get(userId)?.blocked ?? [];
  return blocked.length === 0 ? [] : [...(await conversations.roles(conversationId, blocked)).keys()];
}
