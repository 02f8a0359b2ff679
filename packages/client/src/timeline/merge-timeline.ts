import type { Entry } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import { isShown } from "../sync/is-shown.js";

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
