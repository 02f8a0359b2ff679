import { ChatError, type Entry, LIMITS } from "@chat/protocol";
import { toEntry } from "../delivery/to-entry.js";
import type { Participation } from "../store/conversation-store.js";
import type { ReadQuery } from "../store/message-store.js";
import { contentBytes } from "../store/content-bytes.js";
import type { StoredEntry } from "../store/stored-entry.js";
import { participationOf } from "./authorize-member.js";
import { visibleHead } from "./intervals.js";
import { type Caller, type OperationContext, viewerOf } from "./operation-context.js";
import type { Visibility } from "./shared-participations.js";

/** Which entries; exactly one of after, before and around. */
export interface RangeRequest {
  readonly conversationId: string;
  /** 1 to `LIMITS.rangeEntries`; more is taken for that, and 0 for 1. */
  readonly limit: number;
  readonly after?: number;
  readonly before?: number;
  readonly around?: number;
  /** With `after`: what the device holds there. */
  readonly fingerprint?: number;
}

/** A span (after, through] with authority: an id in it that is not among the entries does not exist for the caller. */
export interface RangeAnswer {
  readonly after: number;
  readonly through: number;
  readonly entries: readonly Entry[];
  readonly head: number;
  readonly firstId: number;
  readonly lastRedaction?: number;
}

/** What was read: an id in (after, through] that is not among the entries does not exist for the member. */
interface Span {
  readonly after: number;
  readonly through: number;
  readonly entries: readonly StoredEntry[];
}

function sizeOf(entries: readonly StoredEntry[]): number {
  return entries.reduce((sum, entry) => sum + contentBytes(entry), 0);
}

/** Reads what lies in (after, before) and in the member's intervals, as far as limit and bytes reach. */
export async function readVisible(
  context: OperationContext,
  { intervals }: Pick<Participation, "intervals">,
  query: ReadQuery,
): Promise<Span> {
  const ascending = query.order === "ascending";
  const entries: StoredEntry[] = [];
  const last = ascending ? intervals[intervals.length - 1] : intervals[0];
  let { maxBytes } = query;
  for (const interval of ascending ? intervals : [...intervals].reverse()) {
    const after = Math.max(query.after, interval.from - 1);
    const before = Math.min(query.before, interval.to ?? query.before);
    if (after + 1 >= before) continue;
    const limit = query.limit - entries.length;
    const part = await context.messages.read({ ...query, after, before, limit, maxBytes });
    if (ascending) entries.push(...part);
    else entries.unshift(...part);
    const end = ascending
      ? part[part.length - 1]?.messageId === before - 1
      : part[0]?.messageId === after + 1;
    // Counting them takes longer than reading what is at hand.
    if (interval !== last) maxBytes -= sizeOf(part);
    if (!end || entries.length >= query.limit || maxBytes <= 0) {
      // Short of the interval's end: authority ends with what was read.
      if (part.length > 0) {
        return ascending
          ? { after: query.after, through: part[part.length - 1]!.messageId, entries }
          : { after: part[0]!.messageId - 1, through: query.before - 1, entries };
      }
    }
  }
  return { after: query.after, through: query.before - 1, entries };
}

/** The first id that is kept now. */
async function keptFrom(
  { messages }: OperationContext,
  { conversationId }: Pick<RangeRequest, "conversationId">,
): Promise<number> {
  return (await messages.heads([conversationId])).get(conversationId)?.firstId ?? 0;
}

/** False if entries of the span went with their time after `firstId` was read: ids have no holes. */
function isWhole({ after, through, entries }: Span, { intervals, firstId }: Visibility): boolean {
  const lowest = Math.max(after + 1, firstId);
  let missing = -entries.filter(({ messageId }) => messageId >= lowest).length;
  for (const { from, to = Infinity } of intervals) {
    missing += Math.max(0, Math.min(through + 1, to) - Math.max(lowest, from));
  }
  return missing === 0;
}

/** @throws ChatError `not_found`, `store_unavailable` */
async function visibilityOf(
  context: OperationContext,
  caller: Caller,
  { conversationId, after }: RangeRequest,
): Promise<Visibility> {
  const userId = viewerOf(caller);
  if (userId !== undefined && after !== undefined) {
    const shared = context.participations.of(userId, conversationId, after);
    const visibility = shared && (await shared);
    if (visibility !== undefined) return visibility;
  }
  return participationOf(context, caller, conversationId, after);
}

/**
 * Reads history. Present and former members see what lies in their intervals, and nothing of the rest.
 * @throws ChatError `not_found`, `invalid_argument`, `diverged` (`after` is beyond the head, or its entry has another
 * fingerprint), `store_unavailable`
 */
export async function getRange(
  context: OperationContext,
  caller: Caller,
  request: RangeRequest,
): Promise<RangeAnswer> {
  const { conversationId, after, before, around, fingerprint } = request;
  if ([after, before, around].filter((bound) => bound !== undefined).length !== 1) {
    throw new ChatError("invalid_argument", "Give exactly one of after, before and around.");
  }
  if (before === 0) throw new ChatError("invalid_argument", "before must be at least 1: ids begin there.");
  const participation = await visibilityOf(context, caller, request);
  await context.hooks.authorize(caller, { operation: "get-range", conversationId });
  const head = visibleHead(participation);
  const limit = Math.max(1, Math.min(request.limit, LIMITS.rangeEntries));
  const read = (
    query: Omit<ReadQuery, "conversationId" | "maxBytes">,
    maxBytes: number = LIMITS.rangeBytes,
  ): Promise<Span> => readVisible(context, participation, { conversationId, maxBytes, ...query });

  let span: Span;
  if (after !== undefined) {
    if (after > head)
      throw new ChatError(
        "diverged",
        "The conversation ends before this position; go back to what is common.",
      );
    // What is no longer kept can't be compared.
    if (fingerprint !== undefined && after >= Math.max(1, participation.firstId)) {
      const [entry] = (await read({ after: after - 1, before: after + 1, order: "ascending", limit: 1 }))
        .entries;
      if (entry?.fingerprint !== fingerprint && (entry || after >= (await keptFrom(context, request)))) {
        throw new ChatError("diverged", "Another entry stands at this position; go back to what is common.");
      }
    }
    span = await read({ after, before: head + 1, order: "ascending", limit });
  } else if (before !== undefined) {
    span = await read({ after: 0, before: Math.min(before, head + 1), order: "descending", limit });
  } else {
    const middle = Math.min(around!, head);
    const half = limit >> 1;
    const upper = { after: Math.max(0, middle - 1), before: head + 1, order: "ascending" } as const;
    const newer = await read({ ...upper, limit: limit - half }, LIMITS.rangeBytes / 2);
    const left = LIMITS.rangeBytes - sizeOf(newer.entries);
    // A read gives one entry at the least, and two of the largest beyond the budget would not fit one message.
    const older =
      half === 0 || left <= 0
        ? { after: upper.after, entries: [] }
        : await read({ after: 0, before: middle, order: "descending", limit: half }, left);
    span = { after: older.after, through: newer.through, entries: [...older.entries, ...newer.entries] };
  }
  // Else the span would say that there never was what is kept no more, and a device would show a hole.
  const firstId = isWhole(span, participation)
    ? participation.firstId
    : Math.max(participation.firstId, await keptFrom(context, request));
  return {
    after: span.after,
    through: span.through,
    entries: span.entries.map((entry) => toEntry(entry, caller)),
    head,
    firstId,
    ...(participation.lastRedaction > 0 && { lastRedaction: participation.lastRedaction }),
  };
}
