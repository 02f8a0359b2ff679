import type { Cancel, Runtime } from "@chat/protocol";
import type { ConversationStore } from "./conversation-store.js";
import type { Housekeeping } from "./housekeeping.js";
import type { LogFollower } from "./log-follower.js";
import type { MessageStore } from "./message-store.js";
import type { OutboxStore } from "./outbox-store.js";
import type { PushStore } from "./push-store.js";

/** What is known of a store once it is open. */
export interface StoreInfo {
  /** A UUID that names this store's history; a full reset of the store gives it another. */
  readonly epoch: string;
}

/** The settings of the server that a store has to keep to. */
export interface StoreOptions {
  readonly runtime: Runtime;
  /** The most members of one conversation. */
  readonly groupMembers: number;
  /** Up to so many members of a conversation are told how far each other has come; `LIMITS.receiptMembers` by default. */
  readonly receiptMembers?: number;
}

/** Where messages and conversations live. Hand one to `createChatServer`; it opens and closes it. */
export interface ChatStore {
  readonly messages: MessageStore;
  readonly conversations: ConversationStore;
  readonly housekeeping: Housekeeping;
  readonly pushes: PushStore;
  /** Where the store can take messages in a transaction of the application's own. */
  readonly outbox?: OutboxStore;
  /** Where there is one, the log may lie in another store: see `combineStores`. */
  readonly follower?: LogFollower;

  /**
   * Checks that the engine is set to be durable, migrates the schema (two processes may do so at once) and makes the store ready.
   * @throws ChatError `store_unavailable` with a sentence for the operator: not durable, corrupt, locked, read-only, of a newer version
   */
  open(options: StoreOptions): Promise<StoreInfo>;

  /** Calls back when somebody else, in another process, may have written; the change feed tells what. May call too often. */
  watch(listener: () => void): Cancel;

  /**
   * Waits for running commits, then lets go. What the application brought (a database handle, a pool) stays open. Harmless when repeated.
   * What is asked for afterwards is refused with `closed`, and before {@link open} with `store_unavailable`; so are drafts, one by one.
   */
  close(): Promise<void>;
}

/** A relational chat store that may follow a log in another store: see `combineStores`. */
export interface FollowingStore extends ChatStore {
  readonly follower: LogFollower;
}
