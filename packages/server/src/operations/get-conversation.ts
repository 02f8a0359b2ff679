import type { ConversationRow } from "@chat/protocol";
import { notFound } from "./authorize-member.js";
import { type Caller, type OperationContext, viewerOf } from "./operation-context.js";

/**
 * The caller's row of a conversation, as the answer of an operation that was allowed.
 * @throws ChatError `not_found`, `store_unavailable`
 */
export async function rowFor(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<ConversationRow> {
  const row = await context.conversations.row(viewerOf(caller), conversationId);
  if (row === undefined) throw notFound();
  return row;
}

/**
 * The caller's row of a conversation.
 * @throws ChatError `not_found`, `forbidden` (by the application), `store_unavailable`
 */
export async function getConversation(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<ConversationRow> {
  const row = await rowFor(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "get-conversation", conversationId });
  return row;
}
