import type { Head } from "../message-store.js";

/** A conversation's head as a database gives it. */
export interface RawHead extends Omit<Head, "isBlocked"> {
  readonly id: string;
  /** Some databases have no truth values. */
  readonly isBlocked: number | boolean;
}

/** Heads as users of the store see them, by conversation. */
export function toHeads(rows: readonly RawHead[]): ReadonlyMap<string, Head> {
  return new Map(
    rows.map(({ id, isBlocked, ...head }) => [
      id,
      { ...head, ...(Boolean(isBlocked) && { isBlocked: true }) },
    ]),
  );
}
