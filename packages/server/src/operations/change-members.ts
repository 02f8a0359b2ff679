import { assertId, ChatError, type ConversationRow, ENTRY_KINDS, LIMITS } from "@chat/protocol";
import type { Participation } from "../store/conversation-store.js";
import type { MembershipChange } from "../store/message-store.js";
import { appendAuthorized } from "./append-authorized.js";
import { authorizeMember } from "./authorize-member.js";
import { getConversation } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";

/** Members who come or go. */
export interface MembersRequest {
  readonly conversationId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly members: readonly string[];
}

/** Nothing is left to do: the members are as they were asked to be. */
class AlreadySo extends ChatError {
  constructor() {
    super("conflict", "The members are so already.");
  }
}

/** Appends one membership entry, unless the members are so already. */
async function changeMembers(
  context: OperationContext,
  caller: Caller,
  request: MembersRequest,
  kind: string,
  decide: (participation: Participation) => Promise<MembershipChange>,
): Promise<ConversationRow> {
  const { conversationId, clientMessageId, members } = request;
  for (const userId of members) assertId(userId, "A member's user id");
  if (members.length === 0 || members.length > LIMITS.membersPerRequest) {
    throw new ChatError("invalid_argument", `Name 1 to ${LIMITS.membersPerRequest} members at once.`);
  }
  const [outcome] = await appendAuthorized(context, [
    {
      key: keyOf(caller, conversationId, clientMessageId),
      kind,
      async authorize() {
        const participation = await authorizeMember(context, caller, conversationId);
        if (participation.type === "direct") {
          throw new ChatError("forbidden", "A direct conversation has its two members for ever.");
        }
        const membership = await decide(participation);
        const moved = [...membership.add.map(({ userId }) => userId), ...membership.remove];
        if (moved.length === 0) throw new AlreadySo();
        return {
          data: { members: moved },
          createdAt: context.runtime.clock.now(),
          countsAsUnread: false,
          membershipVersion: participation.membershipVersion,
          membership,
        };
      },
    },
  ]);
  if (outcome?.status === "refused" && !(outcome.error instanceof AlreadySo)) throw outcome.error;
  return getConversation(context, caller, conversationId);
}

/**
 * Adds members to a group; owners and admins may. Who is a member already stays one; if all are, nothing is stored.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument`, `limit_exceeded`, `membership_moved`, `store_unavailable`
 */
export function addMembers(
  context: OperationContext,
  caller: Caller,
  request: MembersRequest,
): Promise<ConversationRow> {
  return changeMembers(context, caller, request, ENTRY_KINDS.membersAdded, async ({ role }) => {
    if (role === "member") throw new ChatError("forbidden", "Owners and admins add members.");
    const wanted = [...new Set(request.members)];
    const present = await context.conversations.roles(request.conversationId, wanted);
    const add = wanted.filter((userId) => !present.has(userId));
    return { add: add.map((userId) => ({ userId, role: "member" as const })), remove: [] };
  });
}

/**
 * Removes members of a group; owners and admins may, and everybody may leave. Only an owner removes owners and admins.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument`, `membership_moved`, `store_unavailable`
 */
export function removeMembers(
  context: OperationContext,
  caller: Caller,
  request: MembersRequest,
): Promise<ConversationRow> {
  return changeMembers(context, caller, request, ENTRY_KINDS.membersRemoved, async ({ role }) => {
    const wanted = [...new Set(request.members)];
    const present = await context.conversations.roles(request.conversationId, wanted);
    const remove = wanted.filter((userId) => present.has(userId));
    const others = remove.filter((userId) => userId !== caller.userId);
    if (others.length > 0 && role === "member")
      throw new ChatError("forbidden", "Owners and admins remove members.");
    if (role !== "owner" && others.some((userId) => present.get(userId) !== "member")) {
      throw new ChatError("forbidden", "Only an owner removes owners and admins.");
    }
    return { add: [], remove };
  });
}
