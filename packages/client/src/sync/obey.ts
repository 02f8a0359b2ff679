import { type ConversationRow, type Entry, redactionOf, tombstoneOf } from "@chat/protocol";
import { isRedacted } from "../cache/apply-changes.js";
import type { CacheChanges } from "../cache/cache.js";
import * as CLIENT_LIMITS from "../client-limits.js";
import { curMax } from "./held-ranges.js";
import type { Replica, Span } from "./replica.js";

/** The entry, or its tombstone if its body was redacted while it was on its way. */
export function obeying({ redacted }: Replica): (entry: Entry) => Entry {
  return (entry) => {
    const { messageId, senderId } = entry;
    const erased = redacted.get(senderId) ?? 0;
    const gone = redacted.has(messageId) || isRedacted(entry, undefined, senderId, erased);
    return gone && !entry.redacted ? tombstoneOf(entry) : entry;
  };
}

/** The row without the snippet of a message that was redacted. */
export function obeyingRow(replica: Replica, row: ConversationRow): ConversationRow {
  const { latest } = row;
  if (latest === undefined || latest.redacted || !obeying(replica)(latest as Entry).redacted) return row;
  const { snippet: _, ...rest } = latest;
  return { ...row, latest: { ...rest, redacted: true } };
}

/**
 * Notes the redactions of a span; returns what the cache has to do for them, and the id up to which what is held may
 * have missed some: 0 if nothing has. Redactions are chained, so that one which this device will never be told of,
 * because it lies in a hole or outside of the membership, shows at the next.
 * See docs/decisions/0009-redactions-are-chained.md.
 */
export function obey(
  replica: Replica,
  span?: Span,
): { readonly missed: number; readonly redact: CacheChanges["redact"] & object } {
  const { id: conversationId, row, redacted, ranges } = replica;
  const redact: { conversationId: string; messageId?: number; userId?: string; below: number }[] = [];
  const held = curMax(ranges);
  let missed = 0;
  if (span && held === 0) replica.obeyed = Math.max(span.after, span.lastRedaction ?? 0);
  for (const entry of span?.entries ?? []) {
    const redaction = redactionOf(entry);
    if (redaction === undefined) continue;
    const { messageId, userId, previous } = redaction;
    const below = entry.messageId;
    redacted.set(messageId ?? userId!, below);
    if (redacted.size > CLIENT_LIMITS.redactionsKept) redacted.delete(redacted.keys().next().value!);
    redact.push({
      conversationId,
      below,
      ...(messageId === undefined ? { userId: userId! } : { messageId }),
    });
    if (below <= replica.obeyed) continue;
    if (previous > replica.obeyed) missed = previous;
    replica.obeyed = below;
  }
  const through = Math.max(held, span?.through ?? 0);
  const newest = row.lastRedaction ?? 0;
  if (newest > replica.obeyed && through >= Math.min(newest, Math.max(row.head, through))) {
    missed = replica.obeyed = newest;
  }
  return { missed, redact };
}
