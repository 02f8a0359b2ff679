import type { HeldRange } from "../cache/cache.js";

/** The end of the newest range: the highest id that the device holds; 0 if none. */
export function curMax(ranges: readonly HeldRange[]): number {
  return ranges.at(-1)?.to ?? 0;
}

/** The range that an id lies in, if it is held. */
export function rangeAt(ranges: readonly HeldRange[], id: number): HeldRange | undefined {
  return ranges.find(({ from, to }) => from <= id && id <= to);
}

/**
 * The ranges with the span (after, through] added: ascending, disjoint, never touching.
 * The same array if everything was held before.
 */
export function addSpan(
  ranges: readonly HeldRange[],
  { after, through }: { readonly after: number; readonly through: number },
): readonly HeldRange[] {
  let from = after + 1;
  let to = through;
  if (from > to || ranges.some((range) => range.from <= from && to <= range.to)) return ranges;
  const below: HeldRange[] = [];
  const above: HeldRange[] = [];
  for (const range of ranges) {
    if (range.to < from - 1) below.push(range);
    else if (range.from > to + 1) above.push(range);
    else {
      from = Math.min(from, range.from);
      to = Math.max(to, range.to);
    }
  }
  return [...below, { from, to }, ...above];
}

/** The ranges without what lies above an id. */
export function truncateRanges(ranges: readonly HeldRange[], above: number): readonly HeldRange[] {
  return ranges.flatMap(({ from, to }) => (from > above ? [] : [{ from, to: Math.min(to, above) }]));
}

/** The ranges without what lies at or below an id. The same array if nothing does. */
export function forgetRanges(ranges: readonly HeldRange[], through: number): readonly HeldRange[] {
  if (ranges.length === 0 || ranges[0]!.from > through) return ranges;
  return ranges.flatMap(({ from, to }) => (to <= through ? [] : [{ from: Math.max(from, through + 1), to }]));
}
