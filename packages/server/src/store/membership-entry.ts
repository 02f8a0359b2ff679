import { ENTRY_KINDS, type JsonValue, type Role, ROLES } from "@chat/protocol";
import { updateOf } from "./conversation-update.js";
import type { MembershipChange } from "./message-store.js";
import type { StoredEntry } from "./stored-entry.js";

/**
 * What a stored membership entry says about the participations; undefined for an entry of another kind.
 * Who is named in `data.members` joined as `member`, or left; who wrote the `created` entry is the `owner`. What
 * `data.roles` says goes before.
 */
export function membershipOf(
  entry: Pick<StoredEntry, "kind" | "senderId" | "data">,
): MembershipChange | undefined {
  const userIds = membersIn(entry.data?.["members"]);
  const roles = rolesIn(entry.data?.["roles"]);
  switch (entry.kind) {
    case ENTRY_KINDS.created: {
      const named = new Map(roles.map(({ userId, role }) => [userId, role]));
      const roleOf = (userId: string): Role => (userId === entry.senderId ? "owner" : "member");
      return {
        add: userIds.map((userId) => ({ userId, role: named.get(userId) ?? roleOf(userId) })),
        remove: [],
      };
    }
    case ENTRY_KINDS.membersAdded:
      return {
        add: userIds.map((userId) => ({ userId, role: "member" })),
        remove: [],
        ...(entry.data?.["from"] === 1 && { fromStart: true }),
      };
    case ENTRY_KINDS.membersRemoved:
      return { add: [], remove: userIds, roles };
    case ENTRY_KINDS.rolesChanged:
      return { add: [], remove: [], roles };
    default:
      return updateOf(entry)?.historyVisibility === undefined ? undefined : { add: [], remove: [] };
  }
}

function membersIn(members: JsonValue | undefined): string[] {
  if (!Array.isArray(members)) return [];
  return [...new Set(members.filter((userId): userId is string => typeof userId === "string"))];
}

function rolesIn(roles: JsonValue | undefined): { readonly userId: string; readonly role: Role }[] {
  if (!Array.isArray(roles)) return [];
  return roles.flatMap((pair) => {
    const [userId, word] = Array.isArray(pair) ? (pair as readonly JsonValue[]) : [];
    const role = ROLES.find((known) => known === word);
    return typeof userId === "string" && role !== undefined ? [{ userId, role }] : [];
  });
}
