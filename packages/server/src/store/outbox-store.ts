import type { JsonObject } from "@chat/protocol";

/** A message that was allowed, and is stored once the application's transaction has committed it. Opaque to the application. */
export interface OutboxDraft {
  readonly conversationId: string;
  readonly senderId: string;
  /** A UUID. */
  readonly deviceId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly kind: string;
  readonly text?: string;
  readonly data?: JsonObject;
  readonly replyTo?: number;
  readonly mentions?: readonly string[];
  /** Wall-clock ms. */
  readonly createdAt: number;
}

/** A draft that was committed. */
export interface QueuedDraft {
  /** Its place: those of one transaction are in the order in which they were written. */
  readonly number: number;
  readonly draft: OutboxDraft;
}

/**
 * Messages that were committed with rows of the application's own, and are still to be stored: the table `chat_outbox`.
 * All but {@link OutboxStore.write} reject with ChatError `store_unavailable` when the store can't answer.
 */
export interface OutboxStore {
  /**
   * Writes drafts into a transaction that the application has open, in their order. Locks nothing but the new rows; where the driver is
   * synchronous the rows are there when this returns, and a failure is thrown at once.
   * @param transaction what the application's driver calls one: the handle, or the connection that it is open on
   * @throws ChatError `invalid_argument` if it is none; what the driver throws
   */
  write(transaction: unknown, drafts: readonly OutboxDraft[]): Promise<void>;

  /**
   * Takes or renews the lease of the one server that stores what is queued, by the store's clock. False if another one holds it.
   * Two that believe to hold it do no harm: every draft has its key.
   * @param lead with a duration of 0, ms, the lease is given back
   */
  lead(lead: { readonly owner: string; readonly duration: number }): Promise<boolean>;

  /** The first of what is queued with a number above `after`, in order. What was refused is left out. */
  queued(limit: number, after: number): Promise<readonly QueuedDraft[]>;

  /** Removes what is stored. */
  remove(numbers: readonly number[]): Promise<void>;

  /** Keeps what was refused, with the reason in the column `refusal`; nobody tries it again. */
  refuse(number: number, refusal: string): Promise<void>;

  /** Removes all drafts of a sender, those that were refused, too. */
  forget(senderId: string): Promise<void>;
}
