import type { CacheChanges } from "../cache/cache.js";
import { curMax } from "./held-ranges.js";
import { cachedOf, type Replica } from "./replica.js";
import { emptyView } from "./view.js";

/** All that is in memory, for another cache. What is only in the one before is no longer held from then on. */
export function dumpReplicas(replicas: Iterable<Replica>): CacheChanges {
  const known = [...replicas].filter((replica) => replica.known);
  for (const replica of known) {
    const { view } = replica;
    const to = curMax(replica.ranges);
    const kept = view?.loaded && view.from <= to;
    replica.ranges = kept ? [{ from: view.from, to }] : [];
    if (view && !kept) replica.view = emptyView(true);
  }
  return {
    conversations: known.map(cachedOf),
    entries: known.map(({ id, view }) => ({ conversationId: id, entries: view?.entries ?? [] })),
  };
}
