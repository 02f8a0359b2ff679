import type { JsonObject } from "@chat/protocol";

/** One entry of a conversation's log as the store keeps it. Immutable but for its body, which can be redacted. */
export interface StoredEntry {
  readonly conversationId: string;
  /** Contiguous within the conversation, from 1. */
  readonly messageId: number;
  readonly senderId: string;
  /** Device of the sender, a UUID. */
  readonly deviceId: string;
  /** The sender's idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly kind: string;
  readonly text?: string;
  readonly data?: JsonObject;
  /** messageId of the entry that this one answers. */
  readonly replyTo?: number;
  /** The users whom it mentions, each once; absent: none. */
  readonly mentions?: readonly string[];
  /** Wall-clock ms since 1970 of the server that stored it; shown, never sorted by. */
  readonly createdAt: number;
  /** How many entries up to and including this one count as unread. */
  readonly ordinal: number;
  /** True for a tombstone: its text, data, replyTo and mentions were redacted or erased. */
  readonly redacted?: true;
  /** 32 bits over this entry and all before it: {@link chainFingerprint}. */
  readonly fingerprint: number;
}
