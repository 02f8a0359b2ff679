import { LIMITS } from "./limits.js";
import * as schema from "./schema.js";

/**
 * The kinds that the protocol itself defines.
 * Applications may send `text` and kinds of their own that begin with `x-`; the others are written by the server.
 */
export const ENTRY_KINDS = {
  /** A message that a person wrote. The default, and absent on the wire. */
  text: "text",
  /** The first entry of every conversation: `data.members` are its first members. */
  created: "created",
  /** `data.members` joined; they see the conversation from this entry on, or from its first if `data.from` is 1. */
  membersAdded: "members-added",
  /**
   * `data.members` were removed, or left if it is the sender; they see nothing from this entry on. Was the owner among
   * them, `data.roles` names the heir.
   */
  membersRemoved: "members-removed",
  /** `data.roles` are pairs of a member and the role that the member has from this entry on. */
  rolesChanged: "roles-changed",
  /** `data.name`, `data.data` and `data.historyVisibility`, those that are there, are the conversation's from this entry on. */
  updated: "updated",
  /**
   * The body of the message `data.messageId` is gone: its entry is a tombstone from here on. `data.previous` is the
   * messageId of the `redacted` or `erased` entry before this one, 0 if none.
   */
  redacted: "redacted",
  /** The bodies of everything that the user `data.userId` wrote below this entry are gone. `data.previous` as above. */
  erased: "erased",
} as const;

const CUSTOM_KIND = /^x-[a-z0-9-]{1,30}$/;

/** True for a kind that an application may send: `text`, or `x-` followed by 1 to 30 of a–z, 0–9 and hyphen. */
export function isSendableKind(kind: string): boolean {
  return kind === ENTRY_KINDS.text || CUSTOM_KIND.test(kind);
}

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
  /** True for a tombstone: text, data and replyTo of this entry were redacted or erased. */
  redacted: schema.optional(schema.bool),
} as const;

/** One entry of a conversation's log, as it travels and as a device keeps it. */
export type Entry = schema.Struct<typeof entryShape>;

/** What a `redacted` or `erased` entry takes away. */
export interface Redaction {
  /** The entry whose body is gone; undefined for an erasure. */
  readonly messageId: number | undefined;
  /** The user whose bodies below the entry are gone; undefined for a redaction. */
  readonly userId: string | undefined;
  /** messageId of the `redacted` or `erased` entry before this one, 0 if none: who has not seen that one has missed some. */
  readonly previous: number;
}

/** What an entry redacts or erases; undefined for an entry of another kind. */
export function redactionOf({ kind, data }: Pick<Entry, "kind" | "data">): Redaction | undefined {
  if (kind !== ENTRY_KINDS.redacted && kind !== ENTRY_KINDS.erased) return undefined;
  const { messageId, userId, previous } = data ?? {};
  return {
    messageId: typeof messageId === "number" ? messageId : undefined,
    userId: typeof userId === "string" ? userId : undefined,
    previous: typeof previous === "number" ? previous : 0,
  };
}

/** What is left of an entry whose body was redacted. */
export function tombstoneOf<E extends Pick<Entry, "text" | "data" | "replyTo" | "redacted">>(
  entry: E,
): Omit<E, "text" | "data" | "replyTo"> & { readonly redacted: true } {
  const { text: _, data: __, replyTo: ___, ...rest } = entry;
  return { ...rest, redacted: true };
}

/** The kind of an entry, `text` when it names none. */
export function kindOf(entry: Pick<Entry, "kind">): string {
  return entry.kind ?? ENTRY_KINDS.text;
}
