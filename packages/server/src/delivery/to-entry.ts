import { ENTRY_KINDS, type Entry } from "@chat/protocol";
import type { StoredEntry } from "../store/stored-entry.js";

/** Who is to see an entry. */
export interface Viewer {
  readonly userId: string;
  readonly deviceId: string;
}

/** What everybody but its sender is told of entries that many ask for. */
const shared = new WeakMap<StoredEntry, Entry>();

/** The entry as it travels to many: the same object each time. */
export function shareEntry(stored: StoredEntry): Entry {
  const entry = toEntry(stored);
  shared.set(stored, entry);
  return entry;
}

/** The entry as it travels. Only the device that sent it is told the clientMessageId: the others have no use for it. */
export function toEntry(stored: StoredEntry, viewer?: Viewer): Entry {
  const mine = viewer !== undefined && isFrom(stored, viewer);
  const told = mine ? undefined : shared.get(stored);
  if (told !== undefined) return told;
  return {
    messageId: stored.messageId,
    senderId: stored.senderId,
    createdAt: stored.createdAt,
    ordinal: stored.ordinal,
    fingerprint: stored.fingerprint,
    ...(stored.text !== undefined && { text: stored.text }),
    ...(stored.kind !== ENTRY_KINDS.text && { kind: stored.kind }),
    ...(stored.data !== undefined && { data: stored.data }),
    ...(stored.replyTo !== undefined && { replyTo: stored.replyTo }),
    ...(stored.redacted === true && { redacted: true }),
    ...(stored.mentions !== undefined && { mentions: stored.mentions }),
    ...(mine && { clientMessageId: stored.clientMessageId }),
  };
}

/** True if this device sent the entry. */
export function isFrom(stored: StoredEntry, viewer: Viewer): boolean {
  return stored.senderId === viewer.userId && stored.deviceId === viewer.deviceId;
}
