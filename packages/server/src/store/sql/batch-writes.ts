import type { HistoryVisibility, Role } from "@chat/protocol";

/** A new entry, with the idempotency key that it takes. */
export interface NewMessage {
  readonly conversation: number;
  readonly id: number;
  /** What counts for a range's `maxBytes`. */
  readonly bytes: number;
  readonly body: Uint8Array;
  readonly sender: string;
  readonly device: Uint8Array;
  readonly clientMessage: Uint8Array;
}

/** An entry that loses its body. */
export interface Tombstone {
  readonly conversation: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** A conversation that has moved; it gets a change number of its own. */
export interface MovedConversation {
  readonly key: number;
  readonly head: number;
  readonly fingerprint: number;
  readonly ordinal: number;
  readonly membershipVersion: number;
  readonly memberCount: number;
  readonly lastRedaction: number;
  readonly firstId: number;
  readonly firstOrdinal: number;
  /** The first of the new entries; above `head` if there are none. */
  readonly firstNew: number;
  /** True if the activity is now this change. */
  readonly isActive: boolean;
  /** True if all members' rows show something new. */
  readonly viewMoved: boolean;
  readonly membersMoved: boolean;
  readonly receiptsMoved: boolean;
  readonly isRedacted: boolean;
  readonly isPruned: boolean;
  readonly latestId: number;
  readonly latestMoved: boolean;
  readonly latest: Uint8Array | null;
}

/** What a conversation's row says besides numbers. */
interface ConversationInfo {
  readonly key: number;
  readonly name: string | null;
  readonly data: string | null;
  readonly history: HistoryVisibility;
}

/** What a former member's row goes on to show. */
export interface LeftState {
  readonly at: number;
  readonly fingerprint: number;
  readonly ordinal: number;
  /** Undefined where it is the change that is being written. */
  readonly activity: number | undefined;
  readonly memberCount: number;
  readonly name: string | null;
  readonly data: string | null;
}

/** A participation as it is now; its change number is that of its conversation. */
export interface MovedParticipation {
  readonly conversation: number;
  readonly userId: string;
  readonly joinedAt: number;
  readonly visibleFrom: number;
  readonly role: Role;
  readonly intervals: number;
  /** The latest message that the user could see when they last left, or null. Who came back sees it still. */
  readonly leftLatestId: number | null;
  /** Undefined for a member. */
  readonly left: LeftState | undefined;
}

/** What a member who has written has come to. */
interface SenderPlace {
  readonly conversation: number;
  readonly userId: string;
  readonly messageId: number;
  readonly ordinal: number;
}

/** A receipt as it is now. */
export interface SavedReceipt {
  readonly conversation: number;
  readonly userId: string;
  readonly delivered: number;
  readonly read: number;
  readonly readOrdinal: number;
  readonly unreadVersion: number;
  readonly unreadFrom: number | null;
  readonly unreadOrdinal: number | null;
  readonly muteVersion: number;
  readonly mutedUntil: number | null;
  readonly privacyVersion: number;
  /** 0 or 1; null: as everywhere. */
  readonly typing: number | null;
  readonly readReceipts: number | null;
  /** Null where nothing is hidden from others. */
  readonly shownRead: number | null;
  /** True if the change is this one, false if it is to be 0: the receipt has just begun. */
  readonly isAdvanced: boolean;
  /** True if it changes no row but the member's own. */
  readonly isOwn: boolean;
}

/** An interval that has ended before the newest one began. */
export interface EndedInterval {
  readonly conversation: number;
  readonly userId: string;
  readonly from: number;
  readonly to: number;
}

/** All that one transaction writes about conversations. */
export interface BatchWrites {
  readonly messages: readonly NewMessage[];
  /** With the messages: they raise their senders' receipts and take their marks off. */
  readonly senders: readonly SenderPlace[];
  readonly tombstones: readonly Tombstone[];
  readonly conversations: readonly MovedConversation[];
  readonly infos: readonly ConversationInfo[];
  readonly participations: readonly MovedParticipation[];
  readonly receipts: readonly SavedReceipt[];
  /** Whose receipts end with their membership. */
  readonly goneReceipts: readonly { readonly conversation: number; readonly userId: string }[];
  /** Whose ended intervals are taken in by a newer one; removed before `intervals` are added. */
  readonly takenIn: readonly { readonly conversation: number; readonly userId: string }[];
  readonly intervals: readonly EndedInterval[];
}
