import { type Entry, ENTRY_KINDS, isSendableKind, kindOf } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";

/** They show at what they have redacted. */
const UNSEEN: readonly string[] = [ENTRY_KINDS.redacted, ENTRY_KINDS.erased];
const SHOWN: readonly string[] = Object.values(ENTRY_KINDS).filter((kind) => !UNSEEN.includes(kind));

/** True for an entry that a timeline shows; kinds of newer versions are kept, and not shown. */
export function isShown(entry: Pick<Entry, "kind">): boolean {
  const kind = kindOf(entry);
  return SHOWN.includes(kind) || isSendableKind(kind);
}

/**
 * What a timeline shows, in order: the stored entries by messageId, then what waits in the outbox, by sequence.
 * An item whose entry is there already is not shown twice.
 * @param entries ascending
 * @param outbox of this conversation, in any order
 */
export function mergeTimeline(
  entries: readonly Entry[],
  outbox: readonly OutboxItem[],
): readonly (Entry | OutboxItem)[] {
  const shown = entries.filter(isShown);
  if (outbox.length === 0) return shown;
  const stored = new Set(shown.map((entry) => entry.clientMessageId));
  const waiting = outbox.filter((item) => !stored.has(item.clientMessageId));
  return [...shown, ...waiting.sort((a, b) => a.sequence - b.sequence)];
}
