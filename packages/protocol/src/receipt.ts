import * as schema from "./schema.js";

/** From where on a user has marked a conversation as unread; a register of its own, beside the watermarks. */
const unreadMarkShape = {
  /** Rises with every change of the mark. Who changes it names the version that they know. */
  version: schema.uint,
  /** The first messageId that counts as unread, whatever was read; absent: nothing is marked. */
  from: schema.optional(schema.uint),
  /** The headOrdinal minus this is how many messages of others are unread; there with `from`. */
  ordinal: schema.optional(schema.uint),
} as const;

/** Whether a user wants to hear nothing of a conversation; a register like the mark. */
const muteShape = {
  /** Rises with every change. */
  version: schema.uint,
  /** Wall-clock ms until which it is muted, 2^53 − 1 for ever; absent: it is not. */
  until: schema.optional(schema.uint),
  /** True if messages that mention the user are not notified either. */
  mentionsMuted: schema.optional(schema.bool),
} as const;

/** What a user tells the others of a conversation; a register like the mark. What is absent is as everywhere, see `UserPrivacy`. */
const conversationPrivacyShape = {
  /** Rises with every change. */
  version: schema.uint,
  /** Whether the others are told that the user is writing. */
  typing: schema.optional(schema.bool),
  /** Whether the others are told how far the user has read. */
  readReceipts: schema.optional(schema.bool),
} as const;

/** How far one member has come. All figures only rise, but for the mark. */
export const receiptShape = {
  /** Everything up to this messageId has reached a device of the member. */
  delivered: schema.uint,
  /** Everything up to this messageId was read by the member; never above `delivered`. */
  read: schema.uint,
  /** The ordinal of the entry at `read`: the headOrdinal minus this is how many messages are unread. */
  readOrdinal: schema.uint,
  /** Absent as long as nothing was ever marked. */
  unread: schema.optional(schema.struct(unreadMarkShape)),
  /** Absent as long as it never was muted. Only the user is told. */
  mute: schema.optional(schema.struct(muteShape)),
  /** Absent as long as it never was set. Only the user is told. */
  privacy: schema.optional(schema.struct(conversationPrivacyShape)),
} as const;

/** How far the user has come in a conversation. */
export const ownReceiptShape = { conversationId: schema.id, ...receiptShape } as const;

/** How far another member has come. */
export const memberReceiptShape = {
  userId: schema.id,
  delivered: schema.uint,
  /** As far as the member tells it, see `UserPrivacy`. */
  read: schema.uint,
} as const;

export type ConversationPrivacy = schema.Struct<typeof conversationPrivacyShape>;
export type Mute = schema.Struct<typeof muteShape>;
export type UnreadMark = schema.Struct<typeof unreadMarkShape>;
export type Receipt = schema.Struct<typeof receiptShape>;
export type OwnReceipt = schema.Struct<typeof ownReceiptShape>;
export type MemberReceipt = schema.Struct<typeof memberReceiptShape>;
