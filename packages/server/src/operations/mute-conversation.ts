import { ChatError, type OwnReceipt, SYSTEM_USER } from "@chat/protocol";
import { authorizeMember } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";
import { storeReceipt } from "./receipts.js";

/**
 * The caller wants to hear nothing of a conversation, but for messages that mention the caller unless `mentionsMuted`, until a
 * time, wall-clock ms; without one, or with one that is over, no
 * longer. Shown to the caller alone, on all devices; it ends with the membership.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument` (the system), `store_unavailable`
 */
export async function muteConversation(
  context: OperationContext,
  caller: Caller,
  {
    conversationId,
    until = 0,
    mentionsMuted,
  }: { readonly conversationId: string; readonly until?: number; readonly mentionsMuted?: boolean },
): Promise<OwnReceipt> {
  const { userId } = caller;
  if (userId === SYSTEM_USER) throw new ChatError("invalid_argument", "The system is notified of nothing.");
  if (!Number.isSafeInteger(until) || until < 0) {
    throw new ChatError(
      "invalid_argument",
      "until must be wall-clock ms, at most 2^53 − 1, which is for ever.",
    );
  }
  await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "mute-conversation", conversationId });
  const mutedUntil = until > context.runtime.clock.now() ? until : 0;
  const muted = { mutedUntil, ...(mentionsMuted === true && { mentionsMuted }) };
  return storeReceipt(context, { conversationId, userId, ...muted });
}
