import type { Cancel, Runtime } from "@chat/protocol";
import type { Housekeeping } from "../store/housekeeping.js";
import type { StoredEntry } from "../store/stored-entry.js";

/** Entries that are read at once. */
const PAGE = 200;

/** One entry of the store-wide feed. */
export interface LoggedEntry {
  readonly entry: StoredEntry;
  /** Keep it once the entry was dealt with, and go on `after` it. */
  readonly cursor: string;
}

/** How the feed is followed. */
export interface FollowOptions {
  /** The cursor of the last entry that was dealt with; without it from the beginning. */
  readonly after?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** What the feed is read from. */
export interface FollowEnvironment {
  readonly runtime: Runtime;
  readonly housekeeping: Housekeeping;
  /** ms between two looks when nothing says that there is something new. */
  readonly interval: number;
  /** Calls back when something may have been stored. */
  watch(listener: () => void): Cancel;
}

/**
 * Everything that was and will be stored, in the order of the commits, for as long as it is iterated. At least once: who
 * goes on from a cursor may get some entries again. Entries come as they are now: redacted ones are tombstones, and
 * what is no longer kept is left out.
 * @throws ChatError `cursor_invalid`, `store_unavailable`
 */
export async function* followLog(
  { runtime, housekeeping, interval, watch }: FollowEnvironment,
  { after, signal }: FollowOptions,
): AsyncGenerator<LoggedEntry, void, undefined> {
  let cursor = after;
  let wake = (): void => {};
  let moved: boolean;
  const notice = (): void => {
    moved = true;
    wake();
  };
  const isOver = (): boolean => signal?.aborted === true;
  const cancelWatch = watch(notice);
  signal?.addEventListener("abort", notice);
  try {
    while (!isOver()) {
      moved = false;
      const page = await housekeeping.log({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
      for (const [index, entry] of page.entries.entries()) {
        if (isOver()) return;
        // Within a page the cursor stays before it: what of it was not dealt with comes again.
        const isLast = index === page.entries.length - 1;
        const at = isLast ? page.cursor : cursor;
        yield { entry, cursor: at ?? page.start };
      }
      cursor = page.cursor;
      if (page.more || moved) continue;
      await new Promise<void>((resolve) => {
        const cancelTimer = runtime.clock.schedule(interval, resolve);
        wake = () => {
          cancelTimer();
          resolve();
        };
      });
    }
  } finally {
    cancelWatch();
    signal?.removeEventListener("abort", notice);
  }
}
