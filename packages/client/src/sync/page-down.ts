import type { Entry } from "@chat/protocol";
import type { CacheWriter } from "./cache-writer.js";
import type { Replica, Span } from "./replica.js";
import type { Replicas } from "./replicas.js";

/** Where the view begins, or would begin if anything were held. */
function viewStart({ view, target }: Replica): number {
  return Math.min(view!.from, target + 1);
}

/** True if there is something below what is on the screen. */
export function hasBelow(replica: Replica): boolean {
  const start = viewStart(replica);
  return start > Math.max(1, replica.row.firstId) && start <= Number.MAX_SAFE_INTEGER;
}

/**
 * Brings a page of what lies below onto the screen: of what is held, else of the server's. The timeline must be open.
 * @param limit entries of the page
 * @returns its entries, and whether there is nothing lower; undefined if the log was replaced meanwhile, or is in doubt
 */
export async function pageDown(
  replica: Replica,
  limit: number,
  { replicas, writer }: { readonly replicas: Replicas; readonly writer: Pick<CacheWriter, "read"> },
  fetch: (query: { readonly before: number; readonly limit: number }) => Promise<Span>,
): Promise<{ readonly entries: readonly Entry[]; readonly isEnd: boolean } | undefined> {
  const { view, ranges, id } = replica;
  const before = viewStart(replica);
  const newest = ranges.at(-1);
  let from: number;
  let entries: readonly Entry[];
  if (newest && newest.from < before) {
    const query = { after: newest.from - 1, before, limit, order: "descending" } as const;
    entries = await writer.read(id, query);
    from = entries.length < limit ? newest.from : entries[0]!.messageId;
  } else {
    const page = await fetch({ before, limit });
    // Answered over a new connection: nothing of the server's goes below what may not be the server's.
    if (replica.trust !== "sure") return undefined;
    ({ entries } = page);
    from = page.after + 1;
    if (replica.view === view) replicas.apply(replica, page);
  }
  // Otherwise the log was replaced meanwhile, or begins elsewhere, and what was read does not adjoin it.
  if (replica.view !== view || viewStart(replica) > before) return undefined;
  replicas.prepend(replica, from, entries);
  return { entries, isEnd: from >= before };
}
