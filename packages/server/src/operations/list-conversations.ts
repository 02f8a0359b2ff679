import { LIMITS } from "@chat/protocol";
import type { ConversationChanges, ConversationPage } from "../store/conversation-store.js";
import type { Caller, OperationContext } from "./operation-context.js";

function boundedLimit(limit: number): number {
  return Math.max(1, Math.min(limit, LIMITS.pageRows));
}

/**
 * One page of the caller's conversations, newest activity first.
 * @throws ChatError `cursor_invalid`, `store_unavailable`
 */
export async function listConversations(
  context: OperationContext,
  caller: Caller,
  request: { readonly limit: number; readonly page?: string },
): Promise<ConversationPage> {
  await context.hooks.authorize(caller, { operation: "list-conversations" });
  return context.conversations.list(caller.userId, { ...request, limit: boundedLimit(request.limit) });
}

/**
 * The caller's conversations that changed since a cursor.
 * @throws ChatError `cursor_invalid`, `store_unavailable`
 */
export async function listChanges(
  context: OperationContext,
  caller: Caller,
  request: { readonly limit: number; readonly cursor: string },
): Promise<ConversationChanges> {
  await context.hooks.authorize(caller, { operation: "list-changes" });
  return context.conversations.listChanges(caller.userId, { ...request, limit: boundedLimit(request.limit) });
}
