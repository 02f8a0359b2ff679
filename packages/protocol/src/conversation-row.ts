import { LIMITS } from "./limits.js";
import { memberReceiptShape, receiptShape } from "./receipt.js";
import * as schema from "./schema.js";

/** The kinds of conversation. */
export const CONVERSATION_TYPES = ["direct", "group"] as const;
/** `direct`: exactly two users, once per pair. `group`: any number. */
export type ConversationType = (typeof CONVERSATION_TYPES)[number];

/** What a member may do, see docs/guides/moderate.md. A group has exactly one owner. */
export const ROLES = ["member", "admin", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** What those who join a group see of what was before them: nothing, or all. */
export const HISTORY_VISIBILITIES = ["joined", "all"] as const;
export type HistoryVisibility = (typeof HISTORY_VISIBILITIES)[number];

/** What the list shows of a conversation's latest entry that counts as a message. */
const latestMessageShape = {
  messageId: schema.uint,
  senderId: schema.id,
  createdAt: schema.uint,
  /** The first characters of its text. */
  snippet: schema.optional(schema.text(LIMITS.snippetCharacters)),
  kind: schema.optional(schema.string(LIMITS.idBytes)),
  /** True if its body was redacted or erased; it has no snippet then. */
  redacted: schema.optional(schema.bool),
} as const;

interface Heads {
  readonly head: number;
  readonly headOrdinal: number;
}

/** One conversation as one user sees it: a self-contained row of the list. */
export const conversationRowShape = {
  conversationId: schema.id,
  type: schema.oneOf(CONVERSATION_TYPES),
  /**
   * The store's change number of this user's view. Of two rows that reach a device over one connection the higher one is
   * newer; over several the store may be a restored backup, which counts from a lower number on.
   */
  version: schema.uint,
  /** Orders the list, newest activity highest. Comparable within one store only; no clock. */
  activity: schema.uint,
  /** The highest messageId that this user may see; 0 if none. */
  head: schema.uint,
  /** The fingerprint of the entry at `head`; 0 if none. */
  headFingerprint: schema.uint,
  /** The ordinal of the entry at `head`. */
  headOrdinal: schema.uint,
  /** The first messageId that the store still holds. */
  firstId: schema.uint,
  memberCount: schema.uint,
  /** False once the user has left or was removed; `head` then stays where it was. */
  member: schema.bool,
  role: schema.oneOf(ROLES),
  /** The messageId of the entry that began the user's newest membership. */
  joinedAt: schema.uint,
  /** The first messageId that the user may see of it: `joinedAt`, or 1 where those who join see what was before. */
  visibleFrom: schema.uint,
  createdAt: schema.uint,
  /** As in Receipt, the user's own; of a former member `head` and `headOrdinal`. */
  delivered: schema.derivable(schema.uint, ({ head }: Heads) => head),
  read: schema.derivable(schema.uint, ({ head }: Heads) => head),
  readOrdinal: schema.derivable(schema.uint, ({ headOrdinal }: Heads) => headOrdinal),
  name: schema.optional(schema.text(LIMITS.nameCharacters)),
  data: schema.optional(schema.data(LIMITS.dataBytes)),
  /** The other user of a direct conversation. */
  peerId: schema.optional(schema.id),
  latest: schema.optional(schema.struct(latestMessageShape)),
  /** What those who join from now on see of what was before; absent: `joined`. */
  historyVisibility: schema.optional(schema.oneOf(HISTORY_VISIBILITIES)),
  /**
   * messageId of the conversation's newest `redacted` or `erased` entry, also one that this user can't see; absent if
   * there is none. A device that holds everything up to it and has not seen it holds bodies that are gone.
   */
  lastRedaction: schema.optional(schema.uint),
  unread: receiptShape.unread,
  /**
   * How far the other members have come, in any order; absent for former members and where a conversation has more members than the
   * server tells of.
   */
  receipts: schema.optional(schema.list(schema.struct(memberReceiptShape), LIMITS.receiptsPerRow)),
  mute: receiptShape.mute,
  privacy: receiptShape.privacy,
} as const;

export type LatestMessage = schema.Struct<typeof latestMessageShape>;
export type ConversationRow = schema.Struct<typeof conversationRowShape>;
