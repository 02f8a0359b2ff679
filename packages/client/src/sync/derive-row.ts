import {
  type ConversationRow,
  type Entry,
  ENTRY_KINDS,
  firstCharacters,
  kindOf,
  LIMITS,
} from "@chat/protocol";

/**
 * The row after an entry that follows its head: what the server's own row would say. Entries at or below the head change nothing.
 * @param activity what to order the list by if the entry counts as activity
 */
export function deriveRow(row: ConversationRow, entry: Entry, activity: number): ConversationRow {
  if (entry.messageId <= row.head) return row;
  const { messageId, senderId, createdAt, ordinal, fingerprint, text, kind = ENTRY_KINDS.text } = entry;
  const members = entry.data?.["members"];
  const moved = Array.isArray(members) ? members.length : 0;
  return {
    ...row,
    head: messageId,
    headFingerprint: fingerprint,
    headOrdinal: ordinal,
    memberCount:
      kind === ENTRY_KINDS.created
        ? moved
        : row.memberCount +
          (kind === ENTRY_KINDS.membersAdded ? moved : kind === ENTRY_KINDS.membersRemoved ? -moved : 0),
    // Who comes and goes neither counts as unread nor pushes a conversation up the list.
    ...(ordinal > row.headOrdinal && {
      activity,
      latest: {
        messageId,
        senderId,
        createdAt,
        ...(text !== undefined && { snippet: firstCharacters(text, LIMITS.snippetCharacters) }),
        ...(entry.kind !== undefined && { kind: kindOf(entry) }),
      },
    }),
  };
}
