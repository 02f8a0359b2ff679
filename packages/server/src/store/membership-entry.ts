import { ENTRY_KINDS, type JsonValue, type Role } from "@chat/protocol";
import type { MembershipChange } from "./message-store.js";
import type { StoredEntry } from "./stored-entry.js";

/**
 * What a stored membership entry says about the participations; undefined for an entry of another kind.
 * Who is named in `data.members` joined as `member`, or left; who wrote the `created` entry is the `owner`.
 */
export function membershipOf(
  entry: Pick<StoredEntry, "kind" | "senderId" | "data">,
): MembershipChange | undefined {
  const userIds = membersIn(entry.data?.["members"]);
  switch (entry.kind) {
    case ENTRY_KINDS.created:
      return { add: userIds.map((userId) => ({ userId, role: roleOf(userId, entry.senderId) })), remove: [] };
    case ENTRY_KINDS.membersAdded:
      return { add: userIds.map((userId) => ({ userId, role: "member" })), remove: [] };
    case ENTRY_KINDS.membersRemoved:
      return { add: [], remove: userIds };
    default:
      return undefined;
  }
}

function roleOf(userId: string, creatorId: string): Role {
  return userId === creatorId ? "owner" : "member";
}

function membersIn(members: JsonValue | undefined): string[] {
  if (!Array.isArray(members)) return [];
  return [...new Set(members.filter((userId): userId is string => typeof userId === "string"))];
}
