import {
  ChatError,
  type ConversationRow,
  type ConversationType,
  type Entry,
  ENTRY_KINDS,
  firstCharacters,
  type HistoryVisibility,
  isSendableKind,
  type JsonObject,
  kindOf,
  LIMITS,
  type RangeFrame,
  type Receipt,
  redactionOf,
  type Role,
  tombstoneOf,
} from "@chat/protocol";

/** An entry as the fake server keeps it. */
export interface FakeEntry extends Entry {
  readonly deviceId: string;
  readonly clientMessageId: string;
}

/** A message that is to be stored. */
export interface FakeDraft {
  readonly senderId: string;
  readonly deviceId: string;
  readonly clientMessageId: string;
  readonly kind?: string;
  readonly text?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  readonly mentions?: readonly string[];
}

interface Membership {
  role: Role;
  /** Half-open; `to` is absent while the user is a member. */
  intervals: { from: number; to?: number }[];
  /** The entry that began the newest interval. */
  joinedAt: number;
  /** When the membership changed last. */
  change: number;
  receipt: Receipt;
  /** As far as the others are told that the member has read; absent where nothing is hidden. */
  shownRead?: number | undefined;
}

/** One conversation of the fake server. */
export interface FakeConversation {
  readonly id: string;
  readonly type: ConversationType;
  name?: string | undefined;
  data?: JsonObject | undefined;
  historyVisibility?: HistoryVisibility | undefined;
  readonly createdAt: number;
  log: FakeEntry[];
  members: Map<string, Membership>;
  change: number;
  activity: number;
  /** messageId of the newest redaction, and the change that it was; 0 if none. */
  lastRedaction: number;
  redactionChange: number;
}

/** All that a server would keep in its store; cloneable. */
export interface FakeState {
  conversations: Map<string, FakeConversation>;
  /** Rises with every entry. */
  change: number;
  /** Each opening of the store, with the change at which it took over from the one before. */
  boots: { readonly id: string; readonly from: number }[];
}

/** The cursor of the present position. */
export function cursorOf({ boots, change }: FakeState): string {
  return `${change} ${boots.at(-1)!.id}`;
}

/**
 * The change number of a cursor.
 * @throws ChatError `cursor_invalid` if it lies in a history that the store has lost
 */
export function changeOf({ boots, change: last }: FakeState, cursor: string): number {
  const [change, id] = cursor.split(" ");
  const index = boots.findIndex((boot) => boot.id === id);
  const end = boots[index + 1]?.from ?? last;
  if (index < 0 || Number(change) > end) throw new ChatError("cursor_invalid", "Of a history that was lost.");
  return Number(change);
}

function hash(previous: number, text: string): number {
  let value = 0x811c9dc5 ^ previous;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0 || 1;
}

/** True if the user is a member now. */
export function isMember(conversation: FakeConversation, userId: string): boolean {
  const membership = conversation.members.get(userId);
  return membership !== undefined && membership.intervals.at(-1)!.to === undefined;
}

/** True if the user may see the id. */
export function maySee(conversation: FakeConversation, userId: string, id: number): boolean {
  const intervals = conversation.members.get(userId)?.intervals ?? [];
  return intervals.some(({ from, to }) => from <= id && (to === undefined || id < to));
}

/** The highest id that the user may see. */
export function visibleHead(conversation: FakeConversation, userId: string): number {
  const to = conversation.members.get(userId)?.intervals.at(-1)?.to;
  return to === undefined ? conversation.log.length : to - 1;
}

/** Who is named in a membership entry. */
export function namedIn(entry: Pick<Entry, "data">): readonly string[] {
  return (entry.data?.["members"] as readonly string[] | undefined) ?? [];
}

/** The data of a redaction names the one before. */
function chained({ lastRedaction }: FakeConversation, kind: string, data: JsonObject): JsonObject {
  return redactionOf({ kind }) === undefined ? data : { ...data, previous: lastRedaction };
}

/** Stores an entry, as a real store would: contiguous, chained, and membership derived from it. */
export function appendEntry(
  state: FakeState,
  conversation: FakeConversation,
  draft: FakeDraft,
  createdAt: number,
): FakeEntry {
  const previous = conversation.log.at(-1);
  const messageId = conversation.log.length + 1;
  const kind = draft.kind ?? ENTRY_KINDS.text;
  const counts = isSendableKind(kind);
  const entry: FakeEntry = {
    messageId,
    senderId: draft.senderId,
    deviceId: draft.deviceId,
    clientMessageId: draft.clientMessageId,
    createdAt,
    ordinal: (previous?.ordinal ?? 0) + (counts ? 1 : 0),
    fingerprint: hash(previous?.fingerprint ?? 0, `${messageId} ${draft.clientMessageId} ${createdAt}`),
    ...(draft.text !== undefined && { text: draft.text }),
    ...(kind !== ENTRY_KINDS.text && { kind }),
    ...(draft.data !== undefined && { data: chained(conversation, kind, draft.data) }),
    ...(draft.replyTo !== undefined && { replyTo: draft.replyTo }),
    ...(draft.mentions !== undefined && { mentions: draft.mentions }),
  };
  conversation.log.push(entry);
  conversation.change = ++state.change;
  const redaction = redactionOf(entry);
  if (redaction !== undefined) {
    conversation.lastRedaction = messageId;
    conversation.redactionChange = state.change;
    conversation.log = conversation.log.map((other) => {
      const erased = other.senderId === redaction.userId && isSendableKind(kindOf(other));
      return erased || other.messageId === redaction.messageId ? tombstoneOf(other) : other;
    });
  }
  if (counts || messageId === 1) conversation.activity = state.change;
  const sender = conversation.members.get(draft.senderId);
  if (counts && sender) {
    const { unread, mute, privacy } = sender.receipt;
    sender.shownRead = undefined;
    sender.receipt = {
      ...{ delivered: messageId, read: messageId, readOrdinal: entry.ordinal },
      ...(unread && { unread: { version: unread.version + (unread.from ? 1 : 0) } }),
      ...(mute && { mute }),
      ...(privacy && { privacy }),
    };
  }
  for (const userId of kind === ENTRY_KINDS.created || kind === ENTRY_KINDS.membersAdded
    ? namedIn(entry)
    : []) {
    const role = kind === ENTRY_KINDS.created && userId === draft.senderId ? "owner" : "member";
    const receipt = { delivered: messageId, read: messageId, readOrdinal: entry.ordinal };
    const none: Membership = { role, intervals: [], joinedAt: 0, change: 0, receipt };
    const membership = conversation.members.get(userId) ?? none;
    membership.receipt = receipt;
    if (entry.data?.["from"] === 1) membership.intervals = [{ from: 1 }];
    else membership.intervals.push({ from: messageId });
    membership.joinedAt = messageId;
    membership.change = state.change;
    conversation.members.set(userId, membership);
  }
  for (const userId of kind === ENTRY_KINDS.membersRemoved ? namedIn(entry) : []) {
    const membership = conversation.members.get(userId)!;
    membership.intervals.at(-1)!.to = messageId;
    membership.change = state.change;
  }
  if (!counts) {
    const roles = (entry.data?.["roles"] ?? []) as [string, Role][];
    for (const [userId, role] of roles) conversation.members.get(userId)!.role = role;
  }
  if (kind === ENTRY_KINDS.updated) Object.assign(conversation, entry.data);
  return entry;
}

/** The row of a conversation as one user sees it. */
export function rowOf(conversation: FakeConversation, userId: string): ConversationRow {
  const { id, type, name, data, historyVisibility, createdAt, log, members } = conversation;
  const { activity, lastRedaction } = conversation;
  const membership = members.get(userId)!;
  const head = visibleHead(conversation, userId);
  const top = log[head - 1];
  const isIn = isMember(conversation, userId);
  const gone: Receipt = { delivered: head, read: head, readOrdinal: top?.ordinal ?? 0 };
  const receipt = isIn ? membership.receipt : gone;
  const latest = log
    .slice(0, head)
    .filter((entry, index) => entry.ordinal > (log[index - 1]?.ordinal ?? 0))
    .at(-1);
  const peerId = type === "direct" ? [...members.keys()].find((other) => other !== userId) : undefined;
  return {
    conversationId: id,
    type,
    version: isMember(conversation, userId)
      ? conversation.change
      : Math.max(membership.change, conversation.redactionChange),
    activity,
    head,
    headFingerprint: top?.fingerprint ?? 0,
    headOrdinal: top?.ordinal ?? 0,
    firstId: 1,
    memberCount: [...members.keys()].filter((other) => isMember(conversation, other)).length,
    member: isMember(conversation, userId),
    role: membership.role,
    joinedAt: membership.joinedAt,
    visibleFrom: membership.intervals.at(-1)!.from,
    createdAt,
    ...{ delivered: receipt.delivered, read: receipt.read, readOrdinal: receipt.readOrdinal },
    ...(name && { name }),
    ...(data && Object.keys(data).length > 0 && { data }),
    ...(peerId !== undefined && { peerId }),
    ...(latest && {
      latest: {
        messageId: latest.messageId,
        senderId: latest.senderId,
        createdAt: latest.createdAt,
        ...(latest.text !== undefined && { snippet: firstCharacters(latest.text, LIMITS.snippetCharacters) }),
        ...(latest.kind !== undefined && { kind: latest.kind }),
        ...(latest.redacted && { redacted: true }),
      },
    }),
    ...(historyVisibility === "all" && isIn && { historyVisibility }),
    ...(lastRedaction > 0 && { lastRedaction }),
    ...(receipt.unread && { unread: receipt.unread }),
    ...(receipt.mute && { mute: receipt.mute }),
    ...(receipt.privacy && { privacy: receipt.privacy }),
    ...(isIn && {
      receipts: [...members].flatMap(
        ([
          other,
          {
            receipt: { delivered, read },
            shownRead = read,
          },
        ]) =>
          other !== userId && isMember(conversation, other)
            ? { userId: other, delivered, read: shownRead }
            : [],
      ),
    }),
  };
}

/** The entry as one device gets it: only the sender's is told the idempotency key. */
export function entryFor(
  stored: FakeEntry,
  viewer: { readonly userId: string; readonly deviceId: string },
): Entry {
  const { deviceId, clientMessageId, ...entry } = stored;
  const mine = stored.senderId === viewer.userId && deviceId === viewer.deviceId;
  return { ...entry, ...(mine && { clientMessageId }) };
}

/**
 * Answers `get-range`.
 * @throws ChatError `diverged`, `not_found`, `invalid_argument`
 */
export function readRange(
  conversation: FakeConversation | undefined,
  viewer: { readonly userId: string; readonly deviceId: string },
  query: {
    readonly limit: number;
    readonly after?: number;
    readonly before?: number;
    readonly around?: number;
    readonly fingerprint?: number;
  },
): Omit<RangeFrame, "type" | "requestId"> {
  if (!conversation?.members.has(viewer.userId)) throw new ChatError("not_found", "No such conversation.");
  const { after, before, around, fingerprint } = query;
  const head = visibleHead(conversation, viewer.userId);
  const limit = Math.min(query.limit, LIMITS.rangeEntries);
  let [low, high] = [0, head];
  const visible = conversation.log.filter(
    ({ messageId }) => messageId <= head && maySee(conversation, viewer.userId, messageId),
  );
  let entries: FakeEntry[];
  if (after !== undefined) {
    const held = conversation.log[after - 1]?.fingerprint;
    if (after > head || (fingerprint !== undefined && held !== fingerprint)) {
      throw new ChatError("diverged", "Another entry stands there, or none.");
    }
    low = after;
    const above = visible.filter(({ messageId }) => messageId > after);
    entries = above.slice(0, limit);
    if (entries.length < above.length) high = entries.at(-1)!.messageId;
  } else {
    const end = Math.min(before ?? around! + (limit >> 1) + 1, head + 1);
    high = end - 1;
    const below = visible.filter(({ messageId }) => messageId < end);
    entries = below.slice(-limit);
    if (entries.length < below.length) low = entries[0]!.messageId - 1;
  }
  return {
    after: low,
    through: high,
    entries: entries.map((entry) => entryFor(entry, viewer)),
    head,
    firstId: 1,
    ...(conversation.lastRedaction > 0 && { lastRedaction: conversation.lastRedaction }),
  };
}
