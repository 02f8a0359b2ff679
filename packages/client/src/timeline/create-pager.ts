import { LIMITS } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { PagingOptions } from "../public-types.js";
import { abortable, aborted } from "../runtime/abortable.js";

/** Loads pages in one direction, one at a time: whoever asks meanwhile waits for the same page. */
export interface Pager {
  readonly loading: boolean;
  /** @throws ChatError `aborted`, and what loading throws */
  load(options?: PagingOptions): Promise<void>;
}

/** As many messages as may be asked for: a whole number, or else what is read would seem to end where it does not. */
export function pageSize(limit: number = CLIENT_LIMITS.pageEntries): number {
  return Math.max(Math.min(limit, LIMITS.rangeEntries) | 0, 1);
}

/**
 * @param loadPage the signal fires once nobody waits for the page any more
 * @param changed called when `loading` has
 */
export function createPager(
  loadPage: (limit: number, signal: AbortSignal) => Promise<void>,
  changed: () => void,
): Pager {
  let current: { page: Promise<void>; readonly controller: AbortController; waiting: number } | undefined;
  return {
    get loading() {
      return current !== undefined;
    },
    async load({ limit, signal } = {}) {
      if (signal?.aborted) throw aborted(signal);
      // One that was given up is ending: whoever comes now gets another one.
      if (!current?.waiting) {
        const controller = new AbortController();
        const page = loadPage(pageSize(limit), controller.signal);
        const load = { page, controller, waiting: 0 };
        load.page = page.finally(() => {
          if (current === load) current = undefined;
          changed();
        });
        current = load;
        changed();
      }
      const load = current;
      load.waiting++;
      return abortable(load.page, signal, () => {
        if (--load.waiting === 0) load.controller.abort(signal?.reason);
      });
    },
  };
}
