import type { ConversationRow } from "@chat/protocol";
import { notFound } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";

/**
 * The caller's row of a conversation.
 * @throws ChatError `not_found`, `store_unavailable`
 */
export async function getConversation(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<ConversationRow> {
  const row = await context.conversations.row(caller.userId, conversationId);
  if (row === undefined) throw notFound();
  return row;
}
