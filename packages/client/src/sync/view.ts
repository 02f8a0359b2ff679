import type { Entry } from "@chat/protocol";
import type { HeldRange } from "../cache/cache.js";

/** What is in memory of a log, for a timeline: the end of its newest held range. */
export interface View {
  /** The id from which on everything up to the range's end is in `entries`; Infinity while nothing is. */
  from: number;
  /** Ascending. A new array whenever it changes. */
  entries: readonly Entry[];
  /** False until the cache was read; `entries` are then those that arrived meanwhile. */
  loaded: boolean;
}

/** A view that nothing is in yet. @param loaded nothing needs to be read for it */
export function emptyView(loaded: boolean): View {
  return { from: Infinity, entries: [], loaded };
}

/** Both lists in one, ascending, each id once. */
export function mergeEntries(a: readonly Entry[], b: readonly Entry[]): readonly Entry[] {
  if (b.length === 0) return a;
  if (a.length === 0 || a.at(-1)!.messageId < b[0]!.messageId) return [...a, ...b];
  const byId = new Map([...b, ...a].map((entry) => [entry.messageId, entry]));
  return [...byId.values()].sort((x, y) => x.messageId - y.messageId);
}

/** Keeps the view inside the newest range. */
export function cut({ view, ranges }: { view: View | undefined; ranges: readonly HeldRange[] }): void {
  const newest = ranges.at(-1);
  if (!view?.loaded || newest === undefined) return;
  view.from = view.from > newest.to ? newest.from : Math.max(view.from, newest.from);
  if (view.entries.some((entry) => entry.messageId < view.from)) {
    view.entries = view.entries.filter((entry) => entry.messageId >= view.from);
  }
}
