import {
  type ConversationRow,
  type Entry,
  ENTRY_KINDS,
  firstCharacters,
  isSendableKind,
  type HistoryVisibility,
  type JsonObject,
  kindOf,
  LIMITS,
  redactionOf,
  type Role,
} from "@chat/protocol";

/** What an `updated` entry says. An empty name or data is none. */
function updated({ name, data, historyVisibility }: JsonObject): Partial<ConversationRow> {
  return {
    ...(name !== undefined && { name: (name as string) || undefined }),
    ...(data !== undefined && {
      data: Object.keys(data as JsonObject).length ? (data as JsonObject) : undefined,
    }),
    ...(historyVisibility !== undefined && { historyVisibility: historyVisibility as HistoryVisibility }),
  } as Partial<ConversationRow>;
}

/**
 * The row after an entry that follows its head: what the server's own row would say. Entries at or below the head change nothing.
 * @param activity what to order the list by if the entry counts as activity
 * @param userId whose row it is
 */
export function deriveRow(
  row: ConversationRow,
  entry: Entry,
  activity: number,
  userId: string,
): ConversationRow {
  if (entry.messageId <= row.head) return row;
  const {
    messageId,
    senderId,
    createdAt,
    ordinal,
    fingerprint,
    text,
    redacted,
    kind = ENTRY_KINDS.text,
    data = {},
  } = entry;
  const { members, roles } = data;
  const moved = Array.isArray(members) ? members.length : 0;
  const isOurs = isSendableKind(kind);
  const given = !isOurs && Array.isArray(roles) && (roles as [string, Role][]).find(([id]) => id === userId);
  return {
    ...row,
    ...(redactionOf(entry) && { lastRedaction: messageId }),
    head: messageId,
    headFingerprint: fingerprint,
    headOrdinal: ordinal,
    memberCount:
      kind === ENTRY_KINDS.created
        ? moved
        : row.memberCount +
          (kind === ENTRY_KINDS.membersAdded ? moved : kind === ENTRY_KINDS.membersRemoved ? -moved : 0),
    ...(given && { role: given[1] }),
    ...(kind === ENTRY_KINDS.updated && updated(data)),
    // Who comes and goes neither counts as unread nor pushes a conversation up the list.
    ...(ordinal > row.headOrdinal && {
      activity,
      latest: {
        messageId,
        senderId,
        createdAt,
        ...(text !== undefined && { snippet: firstCharacters(text, LIMITS.snippetCharacters) }),
        ...(entry.kind !== undefined && { kind: kindOf(entry) }),
        ...(redacted && { redacted }),
      },
    }),
  };
}
