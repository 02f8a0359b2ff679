import { type Cancel, type ChatError, type Entry, ENTRY_KINDS } from "@chat/protocol";
import type { OutboxItem } from "../cache/cache.js";
import { defined } from "../runtime/defined.js";
import type { Content } from "./check-content.js";

/** One message on its way. */
export interface Slot {
  item: OutboxItem;
  /** `saving`: not durable yet. `waiting`: to be sent. `sent`: unanswered. `stored`: acknowledged, its entry not yet committed. */
  state: "saving" | "waiting" | "sent" | "stored";
  /** Names the send whose answer counts. */
  ticket: number;
  /** What it became, once acknowledged. */
  entry?: Entry;
  resolve(entry: Entry): void;
  reject(error: ChatError): void;
  readonly stored: Promise<Entry>;
}

/** The messages of one conversation. */
export interface Lane {
  /** By sequence. */
  slots: Slot[];
  /** What `of` returns, until something changes. */
  items: readonly OutboxItem[] | undefined;
  /** After a retryable failure nothing is sent until everything in flight was answered and the wait is over. */
  stalled: boolean;
  wait: number | undefined;
  attempt: number;
  cancel: Cancel;
}

export function newSlot(item: OutboxItem, state: Slot["state"]): Slot {
  let resolve: Slot["resolve"] = () => {};
  let reject: Slot["reject"] = () => {};
  const stored = new Promise<Entry>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Nobody has to wait for it.
  stored.catch(() => {});
  return { item, state, ticket: 0, resolve, reject, stored };
}

/** What entries and outbox items have in common. */
export function contentOf({ text, kind, data, replyTo, mentions }: Content): Pick<OutboxItem, keyof Content> {
  return defined({
    text,
    kind: kind === ENTRY_KINDS.text ? undefined : kind,
    data,
    replyTo,
    mentions: mentions?.length ? [...new Set(mentions)] : undefined,
  });
}

export function newLane(): Lane {
  return { slots: [], items: [], stalled: false, wait: undefined, attempt: 0, cancel: () => {} };
}
