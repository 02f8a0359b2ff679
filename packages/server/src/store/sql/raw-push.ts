import type { JsonObject } from "@chat/protocol";
import type { Page } from "../conversation-store.js";
import type { PushSubscription } from "../push-store.js";
import { pageOf } from "./page-of.js";

/** A subscription as a database gives it. */
export interface RawPush extends Omit<PushSubscription, "target"> {
  readonly target: string;
}

export function toSubscription({ target, ...push }: RawPush): PushSubscription {
  return { ...push, target: JSON.parse(target) as JsonObject };
}

/** Where a page of subscriptions begins: behind this user's this address. */
export function pushPlace(page: string | undefined, userId: string | undefined): readonly [string, string] {
  return page === undefined ? [userId ?? "", ""] : (JSON.parse(page) as [string, string]);
}

/** A page out of rows that were read one beyond the limit. */
export function pushPage(found: readonly RawPush[], limit: number): Page<PushSubscription> {
  const { items, next } = pageOf(found, limit, ({ userId, address }) => JSON.stringify([userId, address]));
  return { items: items.map(toSubscription), ...(next !== undefined && { next }) };
}
