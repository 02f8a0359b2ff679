import { type Entry, tombstoneOf } from "@chat/protocol";
import type { CacheWriter } from "./cache-writer.js";
import type { GapFiller } from "./gap-filler.js";
import { curMax, rangeAt } from "./held-ranges.js";
import type { ListSync } from "./list-sync.js";
import type { Replicas } from "./replicas.js";

/** What acknowledgements need of their surroundings. */
export interface AcknowledgeEnvironment {
  readonly replicas: Pick<Replicas, "get">;
  readonly filler: GapFiller;
  readonly listSync: Pick<ListSync, "entries">;
  readonly writer: Pick<CacheWriter, "commit" | "read">;
  /** Takes what these entries are out of the outbox; returns what to remove in the commit that writes them. */
  settle(entries: readonly Entry[]): readonly string[];
}

/** Takes the entry that a send of this device became: a span (n − 1, n] like any other. */
export async function acknowledge(
  { replicas, filler, listSync, writer, settle }: AcknowledgeEnvironment,
  conversationId: string,
  entry: Entry,
): Promise<void> {
  const { messageId, fingerprint } = entry;
  const before = replicas.get(conversationId);
  if (before !== undefined && messageId < before.row.firstId) {
    // The store keeps it no longer, so no place is waiting for it.
    const removeOutbox = settle([entry]);
    if (removeOutbox.length > 0) await writer.commit({ removeOutbox });
    return;
  }
  const wasHeld = before?.trust === "sure" && rangeAt(before.ranges, messageId);
  listSync.entries(conversationId, { after: messageId - 1, through: messageId, entries: [entry] });
  if (!wasHeld) return;
  // Its place was taken already: by itself, or else what is held there is not the server's.
  const query = { after: messageId - 1, before: messageId + 1, limit: 1, order: "ascending" } as const;
  const [held] = await writer.read(conversationId, query);
  if (held !== undefined && held.fingerprint !== fingerprint) {
    before.trust = "suspect";
    await filler.fill(before, curMax(before.ranges));
  } else {
    const removeOutbox = settle([entry]);
    if (removeOutbox.length > 0) {
      // What is held may be a tombstone, and is the server's in any case.
      const entries = [{ ...held, ...entry, ...(held?.redacted && tombstoneOf(entry)) }];
      await writer.commit({ entries: [{ conversationId, entries }], removeOutbox });
    }
  }
}
