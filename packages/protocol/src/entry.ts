import { LIMITS } from "./limits.js";
import * as schema from "./schema.js";

/**
 * UTF-8 bytes of the `data` of an entry that the server writes. It may name every member of a request with a role, and
 * JSON writes each quote and backslash of an id as two bytes: 501 × (2 × 128 + 13) and the key.
 */
const SYSTEM_DATA_BYTES = 147_456;

/**
 * One entry of a conversation's log. Entries are immutable; kinds that a device does not know are kept and not shown.
 * `(conversationId, messageId)` is its identity; the conversation is named by what carries the entry.
 */
export const entryShape = {
  /** Conversation-local and contiguous, from 1. The only order. */
  messageId: schema.step,
  senderId: schema.repeated(schema.id),
  /** Wall-clock ms of the server that stored it. To be shown, never to sort by. */
  createdAt: schema.step,
  /** How many entries up to and including this one count as unread for others (membership entries don't). */
  ordinal: schema.step,
  /** 32 bits over this entry and all before it; two histories that differ anywhere below differ here. */
  fingerprint: schema.uint,
  text: schema.optional(schema.text(LIMITS.textCharactersCeiling)),
  /** Absent: `text`. */
  kind: schema.optional(schema.string(LIMITS.idBytes)),
  data: schema.optional(schema.data(SYSTEM_DATA_BYTES, LIMITS.dataDepth + 1)),
  /** messageId of the entry that this one answers, in the same conversation. */
  replyTo: schema.optional(schema.uint),
  /** The sender's idempotency key; told to the device that sent the entry, and to no other. */
  clientMessageId: schema.optional(schema.uuid),
  /** True for a tombstone: text, data, replyTo and mentions of this entry were redacted or erased. */
  redacted: schema.optional(schema.bool),
  /** The users whom the message mentions, each of them a member when it was stored; absent: none. */
  mentions: schema.optional(schema.list(schema.id, LIMITS.mentionsPerMessage)),
} as const;

/** One entry of a conversation's log, as it travels and as a device keeps it. */
export type Entry = schema.Struct<typeof entryShape>;
