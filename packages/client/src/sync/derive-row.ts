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
  type MemberReceipt,
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

/** What the other members' receipts are after an entry. @param isCounted it is a message */
function receiptsAfter(
  receipts: readonly MemberReceipt[],
  { kind, senderId, messageId, data }: Entry,
  isCounted: boolean,
): readonly MemberReceipt[] {
  const at = { delivered: messageId, read: messageId };
  if (isCounted) return receipts.map((other) => (other.userId === senderId ? { ...other, ...at } : other));
  const named = (data?.["members"] ?? []) as readonly string[];
  if (kind === ENTRY_KINDS.membersAdded) {
    return [...receipts, ...named.map((userId) => ({ userId, ...at }))];
  }
  if (kind !== ENTRY_KINDS.membersRemoved) return receipts;
  return receipts.filter(({ userId }) => !named.includes(userId));
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
  const isCounted = ordinal > row.headOrdinal;
  // Read up to it already, the receipt has overtaken the entry: a mark that came with it was made behind it.
  const isOwn = isCounted && senderId === userId && messageId > row.read;
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
    ...(row.receipts && { receipts: receiptsAfter(row.receipts, entry, isCounted) }),
    // One's own messages are never unread.
    ...(isOwn && { delivered: messageId, read: messageId, readOrdinal: ordinal }),
    // The server raises the version, if it knows of the mark: one that is too low here gives way to whatever comes.
    ...(isOwn && row.unread && { unread: { version: row.unread.version } }),
    // Who comes and goes neither counts as unread nor pushes a conversation up the list.
    ...(isCounted && {
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
