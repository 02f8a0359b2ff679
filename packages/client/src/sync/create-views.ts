import type { Entry } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { CacheWriter } from "./cache-writer.js";
import { curMax } from "./held-ranges.js";
import { obeying } from "./obey.js";
import type { Replica } from "./replica.js";
import { cut, emptyView, mergeEntries } from "./view.js";

/** Brings what is held onto the screen. */
export interface Views {
  /** Reads what the timeline shows first. @param from where the view is to begin, if that is held; else a page from its end */
  open(replica: Replica, from?: number): Promise<void>;
  /** Reads anew what is on the screen, as far back as it was. */
  reopen(replica: Replica): void;
  /** Adds entries of a held span before the view. */
  prepend(replica: Replica, from: number, entries: readonly Entry[]): void;
}

export function createViews(writer: Pick<CacheWriter, "read">, changed: (replica: Replica) => void): Views {
  function reopen(replica: Replica): void {
    const { view } = replica;
    if (view) void open(replica, view.loaded && view.from <= curMax(replica.ranges) ? view.from : 0);
    changed(replica);
  }

  async function open(replica: Replica, from = 0): Promise<void> {
    const view = (replica.view = emptyView(false));
    const newest = replica.ranges.at(-1);
    const limit = from > 0 ? Infinity : CLIENT_LIMITS.pageEntries;
    const query = { limit, order: "descending" } as const;
    const first = newest ? Math.max(newest.from, from) : 0;
    const entries = newest
      ? await writer.read(replica.id, { ...query, after: first - 1, before: newest.to + 1 })
      : [];
    // Replaced: what was read is no longer so.
    if (replica.view !== view) return;
    view.loaded = true;
    if (newest) view.from = entries.length < limit ? first : entries[0]!.messageId;
    view.entries = mergeEntries(entries.map(obeying(replica)), view.entries);
    cut(replica);
    changed(replica);
  }

  return {
    open,
    reopen,

    prepend(replica, from, entries) {
      const { view } = replica;
      if (!view?.loaded || from >= view.from) return;
      view.from = from;
      view.entries = mergeEntries(entries.map(obeying(replica)), view.entries);
      cut(replica);
      changed(replica);
    },
  };
}
