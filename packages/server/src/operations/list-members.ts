import { LIMITS } from "@chat/protocol";
import type { Member, Page } from "../store/conversation-store.js";
import { authorizeMember } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";

/**
 * One page of a conversation's members, for members.
 * @throws ChatError `not_found`, `forbidden`, `cursor_invalid`, `store_unavailable`
 */
export async function listMembers(
  context: OperationContext,
  caller: Caller,
  request: { readonly conversationId: string; readonly limit: number; readonly page?: string },
): Promise<Page<Member>> {
  const { conversationId, ...query } = request;
  await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "list-members", conversationId });
  const limit = Math.max(1, Math.min(query.limit, LIMITS.membersPerRequest));
  return context.conversations.members(conversationId, { ...query, limit });
}
