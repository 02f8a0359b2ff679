import type { Entry } from "./entry.js";

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
export function tombstoneOf<E extends Pick<Entry, "text" | "data" | "replyTo" | "mentions" | "redacted">>(
  entry: E,
): Omit<E, "text" | "data" | "replyTo" | "mentions"> & { readonly redacted: true } {
  const { text: _, data: __, replyTo: ___, mentions: ____, ...rest } = entry;
  return { ...rest, redacted: true };
}

/** The kind of an entry, `text` when it names none. */
export function kindOf(entry: Pick<Entry, "kind">): string {
  return entry.kind ?? ENTRY_KINDS.text;
}
