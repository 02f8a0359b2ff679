import { ChatError, LIMITS } from "@chat/protocol";
import type { Standing } from "../log-follower.js";
import type { MembershipChange } from "../message-store.js";

/** All users that a change names. */
export function usersOf({ add, remove, roles = [] }: MembershipChange): string[] {
  return [...[...add, ...roles].map(({ userId }) => userId), ...remove];
}

/**
 * Why a membership change does not fit the members; undefined if it does.
 * @param standings of the users that it names; those who never were members are left out
 * @param groupMembers the most members of one conversation
 */
export function membershipProblem(
  memberCount: number,
  { add, remove, roles = [], fromStart = false }: MembershipChange,
  standings: ReadonlyMap<string, Standing>,
  groupMembers: number,
): ChatError | undefined {
  const named = new Set([...add.map(({ userId }) => userId), ...remove]);
  if (named.size < add.length + remove.length) {
    return new ChatError("invalid_argument", "A membership change names a user twice.");
  }
  if (add.some(({ userId }) => standings.get(userId)?.member === true)) {
    return new ChatError("invalid_argument", "A membership change adds a user who is a member.");
  }
  if (remove.some((userId) => standings.get(userId)?.member !== true)) {
    return new ChatError("invalid_argument", "A membership change removes a user who is no member.");
  }
  const gone = new Set(remove);
  if (roles.some(({ userId }) => gone.has(userId) || standings.get(userId)?.member !== true)) {
    return new ChatError("invalid_argument", "A membership change gives a role to a user who is no member.");
  }
  if (add.length > 0 && memberCount + add.length - remove.length > groupMembers) {
    return new ChatError("limit_exceeded", `A conversation may have ${groupMembers} members.`);
  }
  const isOften = ({ userId }: { readonly userId: string }): boolean =>
    (standings.get(userId)?.intervals ?? 0) >= LIMITS.intervalsPerMember;
  if (!fromStart && add.some(isOften)) {
    return new ChatError(
      "limit_exceeded",
      `A user may join a conversation ${LIMITS.intervalsPerMember} times.`,
    );
  }
  return undefined;
}
