import { type Cancel, LIMITS } from "@chat/protocol";
import type { ChatStore, StoreInfo, StoreOptions } from "../chat-store.js";
import { LatestElsewhere } from "./latest-elsewhere.js";
import { PositionWatch } from "./position-watch.js";
import { SqlConversationStore } from "./sql-conversation-store.js";
import type { SqlEngine } from "./sql-engine.js";
import { SqlHousekeeping } from "./sql-housekeeping.js";
import { SqlLogFollower } from "./sql-log-follower.js";
import { SqlMessageStore } from "./sql-message-store.js";
import { SqlOutboxStore, type WriteOutbox } from "./sql-outbox-store.js";
import { SqlPushStore } from "./sql-push-store.js";

/** The chat store on a SQL server: the same for all of them but for their statements. */
export class SqlChatStore implements ChatStore {
  readonly messages: SqlMessageStore;
  readonly conversations: SqlConversationStore;
  readonly housekeeping: SqlHousekeeping;
  readonly pushes: SqlPushStore;
  readonly outbox: SqlOutboxStore;
  readonly follower: SqlLogFollower;
  readonly #engine: SqlEngine;
  readonly #watch: PositionWatch;
  readonly #limits: { groupMembers: number; receiptMembers: number } = {
    groupMembers: LIMITS.groupMembers,
    receiptMembers: LIMITS.receiptMembers,
  };

  /** @param writeOutbox writes into a transaction of the application's */
  constructor(engine: SqlEngine, writeOutbox: WriteOutbox) {
    this.#engine = engine;
    this.#watch = new PositionWatch(engine);
    this.messages = new SqlMessageStore(engine, this.#limits);
    const latest = new LatestElsewhere();
    const told = (position: number): void => this.#watch.told(position);
    this.conversations = new SqlConversationStore(engine, this.#limits, latest, told);
    this.follower = new SqlLogFollower(engine, latest);
    this.housekeeping = new SqlHousekeeping(engine);
    this.pushes = new SqlPushStore(engine);
    this.outbox = new SqlOutboxStore(engine, writeOutbox);
  }

  open({ runtime, groupMembers, receiptMembers }: StoreOptions): Promise<StoreInfo> {
    this.#limits.groupMembers = groupMembers;
    this.#limits.receiptMembers = receiptMembers ?? LIMITS.receiptMembers;
    return this.#engine.open(runtime);
  }

  watch(listener: () => void): Cancel {
    return this.#watch.add(listener);
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.messages.close();
    await this.#engine.close();
  }
}
