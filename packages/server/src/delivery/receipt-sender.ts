import { decode, encode } from "@msgpack/msgpack";
import type { ServerCodec } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { ToldReceipt } from "../store/conversation-store.js";
import type { LocalRecipients } from "./recipient.js";

/** Members of a conversation who have come further. */
export interface MovedReceipts {
  readonly conversationId: string;
  /** True if the other members are told, too. */
  readonly shared: boolean;
  readonly receipts: readonly ToldReceipt[];
}

/** Where the sessions of a conversation's members are. */
export interface ReceiptAudience {
  /** The sessions of its members on this server, by user; undefined if nobody is here. */
  members(conversationId: string): ReadonlyMap<string, { readonly user: LocalRecipients }> | undefined;
  /** Tells the other servers. */
  announce(moved: MovedReceipts): void;
}

/**
 * Receipts of one conversation that are remembered as told. Beyond it those of members who are elsewhere are forgotten, of whom
 * in a group of that size nobody hears; and if that does not do, all are, and some told once more.
 */
const TOLD = 1_000;

/**
 * Tells sessions how far members have come. What moves in one turn goes together, the latest of each member; hints
 * may come doubled, late or not at all.
 */
export class ReceiptSender {
  readonly #encode: ServerCodec["encode"];
  readonly #audience: ReceiptAudience;
  /** What local sessions were told, by conversation and user; for as long as there are any. */
  readonly #told = new Map<string, Map<string, ToldReceipt>>();
  #due = new Map<string, { shared: boolean; receipts: Map<string, ToldReceipt> }>();

  constructor(encode: ServerCodec["encode"], audience: ReceiptAudience) {
    this.#encode = encode;
    this.#audience = audience;
  }

  /** Takes what this server has stored, and tells the others. */
  publish({ conversationId, shared, receipts }: MovedReceipts): void {
    if (this.#due.size === 0) queueMicrotask(() => this.#flush());
    const due = this.#due.get(conversationId) ?? { shared, receipts: new Map<string, ToldReceipt>() };
    due.shared = shared;
    for (const receipt of receipts) due.receipts.set(receipt.userId, receipt);
    this.#due.set(conversationId, due);
  }

  /** Takes a hint, from wherever: tells what was not told yet. */
  receive({ conversationId, shared, receipts }: MovedReceipts): void {
    const members = this.#audience.members(conversationId);
    if (members === undefined) return;
    const told = this.#told.get(conversationId) ?? new Map<string, ToldReceipt>();
    this.#told.set(conversationId, told);
    const news = receipts.filter((receipt) => isNews(receipt, told.get(receipt.userId)));
    const forOthers = shared ? news.filter((receipt) => isShown(receipt, told.get(receipt.userId))) : [];
    if (told.size + news.length > TOLD)
      for (const userId of told.keys()) if (!members.has(userId)) told.delete(userId);
    if (told.size > TOLD) told.clear();
    for (const receipt of news) {
      const { userId, shownRead: _, ...own } = receipt;
      told.set(userId, receipt);
      const frame = this.#encode({ type: "own-receipt-changed", receipt: { conversationId, ...own } });
      for (const recipient of members.get(userId)?.user.recipients ?? []) {
        recipient.offer(frame, conversationId);
      }
    }
    for (let at = 0; at < forOthers.length; at += LIMITS.receiptsPerRow) {
      const some = forOthers.slice(at, at + LIMITS.receiptsPerRow);
      // Of what a member hides nobody else may hear, in no frame.
      const shown = some.map(({ userId, delivered, shownRead }) => ({ userId, delivered, read: shownRead }));
      const frame = this.#encode({ type: "receipts-changed", conversationId, receipts: shown });
      for (const [userId, { user }] of members) {
        if (some.every((receipt) => receipt.userId === userId)) continue;
        for (const recipient of user.recipients) recipient.offer(frame, conversationId);
      }
    }
  }

  /** True if somebody here was not told of all of these. */
  isNews(conversationId: string, receipts: readonly ToldReceipt[]): boolean {
    const told = this.#told.get(conversationId);
    return receipts.some((receipt) => isNews(receipt, told?.get(receipt.userId)));
  }

  /** Nobody of a conversation is here any more. */
  forget(conversationId: string): void {
    this.#told.delete(conversationId);
  }

  #flush(): void {
    const due = this.#due;
    this.#due = new Map();
    for (const [conversationId, { shared, receipts }] of due) {
      const moved = { conversationId, shared, receipts: [...receipts.values()] };
      this.receive(moved);
      this.#audience.announce(moved);
    }
  }
}

function isNews(receipt: ToldReceipt, told: ToldReceipt | undefined): boolean {
  return (
    told === undefined ||
    receipt.delivered > told.delivered ||
    receipt.read > told.read ||
    receipt.shownRead > told.shownRead ||
    (receipt.unread?.version ?? 0) > (told.unread?.version ?? 0) ||
    (receipt.mute?.version ?? 0) > (told.mute?.version ?? 0) ||
    (receipt.privacy?.version ?? 0) > (told.privacy?.version ?? 0)
  );
}

/** True if others see a difference. */
function isShown(receipt: ToldReceipt, told: ToldReceipt | undefined): boolean {
  return told === undefined || receipt.delivered > told.delivered || receipt.shownRead > told.shownRead;
}

/** Tells an envelope of receipts from others. */
const MARK = "receipts";

/** The bytes of an envelope by which one server tells another. */
export function encodeReceipts({ conversationId, shared, receipts }: MovedReceipts): Uint8Array {
  return encode([MARK, conversationId, shared, receipts], { ignoreUndefined: true });
}

/** Reads such an envelope; undefined if it is another. Servers trust what comes over their own fan-out. */
export function decodeReceipts(bytes: Uint8Array): MovedReceipts | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value[0] !== MARK) return undefined;
  const [, conversationId, shared, receipts] = value as [string, unknown, unknown, unknown];
  if (typeof conversationId !== "string" || typeof shared !== "boolean" || !Array.isArray(receipts)) {
    return undefined;
  }
  return { conversationId, shared, receipts: receipts as ToldReceipt[] };
}
