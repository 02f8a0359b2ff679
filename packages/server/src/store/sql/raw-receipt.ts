import type { Mute, Receipt } from "@chat/protocol";
import type { KeptReceipt } from "../advance-receipt.js";
import type { ToldReceipt } from "../conversation-store.js";

/** A receipt as a database gives it. */
export interface RawReceipt {
  readonly delivered: number;
  readonly read: number;
  readonly readOrdinal: number;
  /** 0 as long as nothing was ever marked. */
  readonly unreadVersion: number;
  readonly unreadFrom: number | null;
  readonly unreadOrdinal: number | null;
  /** 0 as long as it never was muted. */
  readonly muteVersion: number;
  /** A negative time: mentions are muted, too. */
  readonly mutedUntil: number | null;
  /** 0 as long as it never was set. */
  readonly privacyVersion: number;
  /** Some databases have no truth values; null: as everywhere. */
  readonly typing: number | boolean | null;
  readonly readReceipts: number | boolean | null;
}

/** With what of it others are told. */
export interface RawKeptReceipt extends RawReceipt {
  /** Null where nothing is hidden. */
  readonly shownRead: number | null;
  /** By the user's own setting for all conversations; null: it never was set. */
  readonly userReadReceipts: number | boolean | null;
}

/** As {@link ConversationStore.receiptChanges} tells it. */
export function toToldReceipt(raw: RawKeptReceipt & { readonly userId: string }): ToldReceipt {
  return { userId: raw.userId, ...toReceipt(raw), shownRead: raw.shownRead ?? raw.read };
}

/** As a transaction moves it on. */
export function toKeptReceipt(raw: RawKeptReceipt): KeptReceipt {
  return {
    receipt: toReceipt(raw),
    shownRead: raw.shownRead ?? raw.read,
    readReceipts: Boolean(raw.userReadReceipts ?? true),
  };
}

/** A receipt as users of the store see it. */
export function toReceipt(raw: RawReceipt): Receipt {
  const {
    delivered,
    read,
    readOrdinal,
    unreadVersion: version,
    unreadFrom: from,
    unreadOrdinal: ordinal,
    muteVersion,
    mutedUntil,
    privacyVersion,
    typing,
    readReceipts,
  } = raw;
  return {
    ...{ delivered, read, readOrdinal },
    ...(version > 0 && {
      unread: { version, ...(from !== null && { from }), ...(ordinal !== null && { ordinal }) },
    }),
    ...(muteVersion > 0 && {
      mute: {
        version: muteVersion,
        ...(mutedUntil !== null && { until: Math.abs(mutedUntil) }),
        ...(mutedUntil !== null && mutedUntil < 0 && { mentionsMuted: true }),
      },
    }),
    ...(privacyVersion > 0 && {
      privacy: {
        version: privacyVersion,
        ...(typing !== null && { typing: Boolean(typing) }),
        ...(readReceipts !== null && { readReceipts: Boolean(readReceipts) }),
      },
    }),
  };
}

/** A truth value as every database keeps it; null: none. */
export function numberOf(value: boolean | undefined): number | null {
  return value === undefined ? null : Number(value);
}

/** What is kept of a time until which is muted; see {@link RawReceipt}. */
export function toMutedUntil(mute: Mute | undefined): number | null {
  if (mute?.until === undefined) return null;
  return mute.mentionsMuted === true ? -mute.until : mute.until;
}
