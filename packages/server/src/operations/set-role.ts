import { ChatError, type ConversationRow, ENTRY_KINDS, type Role } from "@chat/protocol";
import { AlreadySo, assertMembers, type MembersRequest } from "./change-members.js";
import { appendAuthorized } from "./append-authorized.js";
import { authorizeMember } from "./authorize-member.js";
import { authorizeOnce } from "./authorize-once.js";
import { rowFor } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertMay } from "./permissions.js";

/** Members of a group, and the role that they are to have. */
export interface RoleRequest extends MembersRequest {
  readonly role: Role;
}

/**
 * Gives members of a group a role. `owner` hands the group over to one member; who owned it becomes an admin, in the same entry.
 * Who has the role already is passed over; if all have it, nothing is stored.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument` (somebody is no member, several owners, or none would be left),
 * `membership_moved`, `store_unavailable`
 */
export async function setRole(
  context: OperationContext,
  caller: Caller,
  request: RoleRequest,
): Promise<ConversationRow> {
  const { conversationId, clientMessageId, role } = request;
  assertMembers(request.members);
  const wanted = [...new Set(request.members)];
  const key = keyOf(caller, conversationId, clientMessageId);
  const [outcome] = await appendAuthorized(context, [
    {
      key,
      kind: ENTRY_KINDS.rolesChanged,
      async authorize() {
        const participation = await authorizeMember(context, caller, conversationId);
        const others = wanted.filter((userId) => userId !== caller.userId);
        assertMay(participation.role, participation.type, { what: "set-role", role, others: others.length });
        const present = await context.conversations.roles(conversationId, wanted);
        if (present.size < wanted.length) {
          throw new ChatError("invalid_argument", "Only members have roles; one of those named is none.");
        }
        const changed = wanted.filter((userId) => present.get(userId) !== role);
        if (changed.length === 0) throw new AlreadySo();
        const roles = changed.map((userId) => ({ userId, role }));
        if (role === "owner") {
          if (roles.length > 1) throw new ChatError("invalid_argument", "A group has one owner; name one.");
          const owner = await context.conversations.firstInLine(conversationId, changed);
          if (owner !== undefined) roles.push({ userId: owner, role: "admin" });
        } else if (changed.some((userId) => present.get(userId) === "owner")) {
          throw new ChatError(
            "invalid_argument",
            "A group has an owner always: give the role to another member.",
          );
        }
        await authorizeOnce(context, caller, key, {
          operation: "set-role",
          conversationId,
          members: wanted,
          role,
        });
        return {
          data: { roles: roles.map(({ userId, role }) => [userId, role]) },
          createdAt: context.runtime.clock.now(),
          countsAsUnread: false,
          membershipVersion: participation.membershipVersion,
          membership: { add: [], remove: [], roles },
        };
      },
    },
  ]);
  if (outcome?.status === "refused" && !(outcome.error instanceof AlreadySo)) throw outcome.error;
  return rowFor(context, caller, conversationId);
}
