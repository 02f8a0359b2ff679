import { type Cancel, LIMITS, newUuid, type Runtime, uuidFromBytes, uuidToBytes } from "@chat/protocol";
import type { ChatStore, FollowingStore, StoreInfo, StoreOptions } from "../chat-store.js";
import type { ConversationStore } from "../conversation-store.js";
import type { MessageLog } from "../message-log.js";
import type { OutboxStore } from "../outbox-store.js";
import type { PushStore } from "../push-store.js";
import { abreastOfLog } from "./abreast-of-log.js";
import { CombinedHousekeeping } from "./combined-housekeeping.js";
import { CombinedMessages } from "./combined-messages.js";
import { MarkKeeper } from "./mark-keeper.js";
import { RowRepair } from "./row-repair.js";

/** What {@link combineStores} takes. */
export interface CombinedStores {
  /** Where the log of every conversation lies. */
  readonly messages: MessageLog;
  /** Where conversations, members, receipts, profiles and the change feed live: `sqlite()`, `postgres()` and the like. */
  readonly conversations: FollowingStore;
  /** How often each server looks for rows that a crash has left behind their log, ms; 5,000 by default. */
  readonly repairInterval?: number;
}

/**
 * A chat store of two: messages in one, conversations in the other. There is no transaction across them, and none is
 * needed: the log is the truth, and rows follow. Before an append its conversations are marked, after it the rows move on, and the marks
 * go in the commit that moves them. What a crash leaves in between is brought up by any server, from the log.
 *
 * Nothing of a conversation is shown before its row has seen it: heads, ranges and the change feed go by the row. So a reader sees what a
 * store with one transaction would show; an append that was acknowledged while the relational store was away is seen once that is back.
 */
export function combineStores(stores: CombinedStores): ChatStore {
  return new CombinedStore(stores);
}

const REPAIR_INTERVAL = 5_000;

class CombinedStore implements ChatStore {
  readonly messages: CombinedMessages;
  readonly conversations: ConversationStore;
  readonly housekeeping: CombinedHousekeeping;
  readonly pushes: PushStore;
  readonly outbox?: OutboxStore;
  readonly #log: MessageLog;
  readonly #rows: FollowingStore;
  readonly #repair: RowRepair;
  readonly #keeper: MarkKeeper;
  readonly #limits = { groupMembers: LIMITS.groupMembers as number };
  #runtime: Runtime | undefined;

  constructor({ messages, conversations, repairInterval = REPAIR_INTERVAL }: CombinedStores) {
    this.#log = messages;
    this.#rows = conversations;
    conversations.follower.readFrom(messages);
    this.#repair = new RowRepair(messages, conversations, () => this.#runtime);
    this.#keeper = new MarkKeeper(conversations.follower, this.#repair, repairInterval);
    this.messages = new CombinedMessages(messages, conversations, this.#repair, this.#limits, {
      runtime: () => this.#runtime,
      grace: repairInterval,
    });
    this.conversations = abreastOfLog(conversations.conversations, this.#repair);
    this.pushes = conversations.pushes;
    if (conversations.outbox !== undefined) this.outbox = conversations.outbox;
    this.housekeeping = new CombinedHousekeeping(messages, conversations, this.#repair);
  }

  async open(options: StoreOptions): Promise<StoreInfo> {
    this.#limits.groupMembers = options.groupMembers;
    const [{ epoch: ofLog }, { epoch: ofRows }] = await Promise.all([
      this.#log.open(options.runtime),
      this.#rows.open(options),
    ]);
    this.#runtime = options.runtime;
    this.messages.begin(newUuid(options.runtime.random));
    this.#keeper.start(options.runtime);
    return { epoch: mixed(ofLog, ofRows) };
  }

  watch(listener: () => void): Cancel {
    return this.#rows.watch(listener);
  }

  async close(): Promise<void> {
    await this.messages.close();
    await this.#keeper.close();
    await this.#rows.close();
    await this.#log.close();
  }
}

/** Another epoch if either of the two is another. */
function mixed(left: string, right: string): string {
  const [one, other] = [uuidToBytes(left), uuidToBytes(right)];
  const bytes = one.map((byte, index) => byte ^ other[index]!);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}
