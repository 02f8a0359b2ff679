import { advanceReceipt, concernsOthers, type KeptReceipt } from "../advance-receipt.js";
import type { AdvancedReceipt, LogPlace, ReceiptAdvance } from "../conversation-store.js";
import type { BatchWrites, SavedReceipt } from "./batch-writes.js";
import { numberOf, type RawKeptReceipt, toKeptReceipt, toMutedUntil } from "./raw-receipt.js";

/** A receipt as a transaction has loaded it. */
export interface LoadedReceipt extends RawKeptReceipt {
  readonly conversation: number;
  readonly userId: string;
}

/** What a transaction does to one receipt: it begins or moves to a state, ends, or is raised to where its user has written. */
type ReceiptWrite =
  | {
      readonly kind: "saved";
      readonly kept: Omit<KeptReceipt, "readReceipts">;
      readonly isAdvanced: boolean;
      readonly isOwn: boolean;
    }
  | { readonly kind: "gone" }
  | { readonly kind: "sent"; readonly place: LogPlace };

/** How far members have come, as one transaction moves it on. */
export class BatchReceipts {
  readonly #loaded = new Map<string, KeptReceipt>();
  readonly #writes = new Map<
    string,
    { readonly conversation: number; readonly userId: string; write: ReceiptWrite }
  >();

  /** @param loaded those that will be advanced */
  constructor(loaded: readonly LoadedReceipt[]) {
    for (const raw of loaded) this.#loaded.set(keyOf(raw.conversation, raw.userId), toKeptReceipt(raw));
  }

  /** A membership begins with everything before it read. */
  join(conversation: number, userId: string, { messageId, ordinal }: LogPlace): void {
    const receipt = { delivered: messageId, read: messageId, readOrdinal: ordinal };
    const kept = { receipt, shownRead: messageId };
    this.#write(conversation, userId, { kind: "saved", kept, isAdvanced: false, isOwn: false });
  }

  leave(conversation: number, userId: string): void {
    this.#write(conversation, userId, { kind: "gone" });
  }

  /** A message was stored: its sender has seen everything up to it. */
  sent(conversation: number, userId: string, place: LogPlace): void {
    const before = this.#writes.get(keyOf(conversation, userId))?.write;
    if (before?.kind === "gone") return;
    if (before?.kind === "saved") this.join(conversation, userId, place);
    else this.#write(conversation, userId, { kind: "sent", place });
  }

  /** Undefined for a user who is no member. @param tells its members are told of each other */
  advance(conversation: number, advance: ReceiptAdvance, tells: boolean): AdvancedReceipt | undefined {
    const { userId } = advance;
    const before = this.#loaded.get(keyOf(conversation, userId));
    if (before === undefined) return undefined;
    const kept = advanceReceipt(before, advance);
    const shared = tells && concernsOthers(advance, before, kept);
    const { receipt, shownRead } = kept;
    if (kept === before) return { receipt, shownRead, shared, moved: false };
    this.#loaded.set(keyOf(conversation, userId), kept);
    this.#write(conversation, userId, { kind: "saved", kept, isAdvanced: true, isOwn: !shared });
    return { receipt, shownRead, shared, moved: true };
  }

  writes(): Pick<BatchWrites, "receipts" | "goneReceipts" | "senders"> {
    const all = [...this.#writes.values()];
    return {
      receipts: all.flatMap(({ conversation, userId, write }) =>
        write.kind === "saved" ? [toSaved(conversation, userId, write)] : [],
      ),
      goneReceipts: all.flatMap(({ conversation, userId, write }) =>
        write.kind === "gone" ? [{ conversation, userId }] : [],
      ),
      senders: all.flatMap(({ conversation, userId, write }) =>
        write.kind === "sent" ? [{ conversation, userId, ...write.place }] : [],
      ),
    };
  }

  #write(conversation: number, userId: string, write: ReceiptWrite): void {
    this.#writes.set(keyOf(conversation, userId), { conversation, userId, write });
  }
}

function keyOf(conversation: number, userId: string): string {
  return `${conversation} ${userId}`;
}

function toSaved(
  conversation: number,
  userId: string,
  { kept, isAdvanced, isOwn }: Extract<ReceiptWrite, { kind: "saved" }>,
): SavedReceipt {
  const { delivered, read, readOrdinal, unread, mute, privacy } = kept.receipt;
  return {
    ...{ conversation, userId, delivered, read, readOrdinal, isAdvanced, isOwn },
    unreadVersion: unread?.version ?? 0,
    unreadFrom: unread?.from ?? null,
    unreadOrdinal: unread?.ordinal ?? null,
    muteVersion: mute?.version ?? 0,
    mutedUntil: toMutedUntil(mute),
    privacyVersion: privacy?.version ?? 0,
    typing: numberOf(privacy?.typing),
    readReceipts: numberOf(privacy?.readReceipts),
    shownRead: kept.shownRead === read ? null : kept.shownRead,
  };
}
