import type { Page } from "../conversation-store.js";

/** A page out of rows that were read one beyond the limit. */
export function pageOf<T>(found: readonly T[], limit: number, tokenOf: (item: T) => string): Page<T> {
  if (found.length <= limit) return { items: found };
  const items = found.slice(0, limit);
  return { items, next: tokenOf(items[limit - 1]!) };
}
