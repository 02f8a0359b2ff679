import type { JsonObject } from "@chat/protocol";
import type { Page } from "./conversation-store.js";

/** Where pushes for one device of a user go. */
export interface PushSubscription {
  readonly userId: string;
  /** A UUID. */
  readonly deviceId: string;
  /** The name of the provider that sends them. */
  readonly provider: string;
  /** Names the place, alike for whoever subscribes from there; up to 128 characters of ASCII. */
  readonly address: string;
  /** What the provider needs to send; as it gave it. */
  readonly target: JsonObject;
}

/**
 * Where pushes go, and how far the one server that sends them has come.
 * Every method rejects with ChatError `store_unavailable` when the store can't answer.
 */
export interface PushStore {
  /**
   * Keeps a device's subscription in place of the one before. An address has one owner: whoever had it, another account in the
   * same browser say, has it no longer. Idempotent.
   * Resolves to false, and keeps nothing, if the user has `limit` other devices that are subscribed. (Calls at one and the same
   * instant may go beyond it by as many.)
   */
  subscribe(subscription: PushSubscription, limit: number): Promise<boolean>;

  /** Removes a device's subscription; with an address only if it still is this one. */
  unsubscribe(device: {
    readonly userId: string;
    readonly deviceId: string;
    readonly address?: string;
  }): Promise<void>;

  /** Removes all subscriptions of a user. */
  forget(userId: string): Promise<void>;

  /** The subscriptions of a user. */
  subscriptions(userId: string): Promise<readonly PushSubscription[]>;

  /**
   * The subscriptions of the members of a conversation none of whose devices has taken a message, by their receipts; paged, or
   * those of one user only.
   */
  audience(
    conversationId: string,
    query: {
      readonly messageId: number;
      readonly userId?: string;
      readonly limit: number;
      readonly page?: string;
    },
  ): Promise<Page<PushSubscription>>;

  /**
   * Takes or renews the lease of who sends pushes: one server at a time, by the store's clock. Resolves to how far the servers
   * have come, undefined if another one leads.
   * @param lead with a duration of 0 the lease is given back
   */
  lead(lead: { readonly owner: string; readonly duration: number }): Promise<PushLead | undefined>;

  /** As the one that leads, notes how far it has come; nothing if another one leads by now. */
  advance(lead: { readonly owner: string; readonly cursor: string }): Promise<void>;
}

/** What whoever leads goes on from. */
export interface PushLead {
  /** A position of the store-wide feed: everything before it was dealt with. Absent at the very first. */
  readonly cursor?: string;
}
