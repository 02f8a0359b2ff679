import { assertId, ChatError, type ConversationRow, ENTRY_KINDS, LIMITS, SYSTEM_USER } from "@chat/protocol";
import type { Participation } from "../store/conversation-store.js";
import type { MembershipChange } from "../store/message-store.js";
import { appendAuthorized } from "./append-authorized.js";
import { assertNoneBlocks } from "./assert-not-blocked.js";
import { authorizeMember } from "./authorize-member.js";
import { authorizeOnce } from "./authorize-once.js";
import { rowFor } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertMay } from "./permissions.js";

/** Members of a conversation. */
export interface MembersRequest {
  readonly conversationId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly members: readonly string[];
}

/** Nothing is left to do: the members are as they were asked to be. */
export class AlreadySo extends ChatError {
  constructor() {
    super("conflict", "The members are so already.");
  }
}

/** @throws ChatError `invalid_argument` */
export function assertMember(userId: string): void {
  assertId(userId, "A member's user id");
  if (userId === SYSTEM_USER) {
    throw new ChatError("invalid_argument", `${SYSTEM_USER} is no user: it acts in every conversation.`);
  }
}

/** @throws ChatError `invalid_argument` for user ids that are none, for none and for too many */
export function assertMembers(members: readonly string[]): void {
  for (const userId of members) assertMember(userId);
  if (members.length === 0 || members.length > LIMITS.membersPerRequest) {
    throw new ChatError("invalid_argument", `Name 1 to ${LIMITS.membersPerRequest} members at once.`);
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
  assertMembers(members);
  const key = keyOf(caller, conversationId, clientMessageId);
  const [outcome] = await appendAuthorized(context, [
    {
      key,
      kind,
      async authorize() {
        const participation = await authorizeMember(context, caller, conversationId);
        const membership = await decide(participation);
        const moved = [...membership.add.map(({ userId }) => userId), ...membership.remove];
        if (moved.length === 0) throw new AlreadySo();
        const operation = kind === ENTRY_KINDS.membersAdded ? "add-members" : "remove-members";
        await authorizeOnce(context, caller, key, { operation, conversationId, members: moved });
        return {
          data: {
            members: moved,
            ...(membership.fromStart === true && { from: 1 }),
            ...(membership.roles && { roles: membership.roles.map(({ userId, role }) => [userId, role]) }),
          },
          createdAt: context.runtime.clock.now(),
          countsAsUnread: false,
          membershipVersion: participation.membershipVersion,
          membership,
        };
      },
    },
  ]);
  if (outcome?.status === "refused" && !(outcome.error instanceof AlreadySo)) throw outcome.error;
  return rowFor(context, caller, conversationId);
}

/**
 * Adds members to a group; see {@link assertMay} for who may. Who is a member already stays one; if all are, nothing is stored.
 * @throws ChatError `not_found`, `forbidden`, `blocked`, `conflict` (the key was used for another request), `invalid_argument`, `limit_exceeded`,
 * `membership_moved`, `store_unavailable`
 */
export function addMembers(
  context: OperationContext,
  caller: Caller,
  request: MembersRequest,
): Promise<ConversationRow> {
  const { conversationId } = request;
  const decide = async ({ role, type, historyVisibility }: Participation): Promise<MembershipChange> => {
    assertMay(role, type, { what: "add-members" });
    const wanted = [...new Set(request.members)];
    const present = await context.conversations.roles(conversationId, wanted);
    const add = wanted.filter((userId) => !present.has(userId));
    await assertNoneBlocks(context, caller, add, false);
    return {
      add: add.map((userId) => ({ userId, role: "member" as const })),
      remove: [],
      ...(historyVisibility === "all" && { fromStart: true }),
    };
  };
  return changeMembers(context, caller, request, ENTRY_KINDS.membersAdded, decide);
}

/**
 * Removes members of a group, the caller too, who thereby leaves; see {@link assertMay} for who may. If the owner goes, the member who
 * is first in line owns the group from the same entry on.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument`, `membership_moved`, `store_unavailable`
 */
export function removeMembers(
  context: OperationContext,
  caller: Caller,
  request: MembersRequest,
): Promise<ConversationRow> {
  const { conversationId } = request;
  const decide = async ({ role, type }: Participation): Promise<MembershipChange> => {
    const wanted = [...new Set(request.members)];
    const present = await context.conversations.roles(conversationId, wanted);
    const remove = wanted.filter((userId) => present.has(userId));
    const others = remove.filter((userId) => userId !== caller.userId);
    // Who is no member counts as one here, so that a member may not ask about others by removing them.
    const strangers = wanted.length > remove.length ? (["member"] as const) : [];
    const roles = [...others.map((userId) => present.get(userId)!), ...strangers];
    assertMay(role, type, { what: "remove-members", others: roles });
    if (!remove.some((userId) => present.get(userId) === "owner")) return { add: [], remove };
    const heir = await context.conversations.firstInLine(conversationId, remove);
    return { add: [], remove, ...(heir !== undefined && { roles: [{ userId: heir, role: "owner" }] }) };
  };
  return changeMembers(context, caller, request, ENTRY_KINDS.membersRemoved, decide);
}
