import type { Receipt } from "@chat/protocol";

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
  readonly mutedUntil: number | null;
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
  } = raw;
  return {
    ...{ delivered, read, readOrdinal },
    ...(version > 0 && {
      unread: { version, ...(from !== null && { from }), ...(ordinal !== null && { ordinal }) },
    }),
    ...(muteVersion > 0 && {
      mute: { version: muteVersion, ...(mutedUntil !== null && { until: mutedUntil }) },
    }),
  };
}
