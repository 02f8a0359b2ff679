import { type Cancel, LIMITS } from "@chat/protocol";
import type { ChatStore, FollowingStore, StoreInfo, StoreOptions } from "../chat-store.js";
import type { ConversationStore } from "../conversation-store.js";
import type { Housekeeping } from "../housekeeping.js";
import type { LogFollower } from "../log-follower.js";
import type { MessageStore } from "../message-store.js";
import type { OutboxStore } from "../outbox-store.js";
import type { PushStore } from "../push-store.js";
import { LatestElsewhere } from "../sql/latest-elsewhere.js";
import { ConversationStates } from "./conversation-states.js";
import { DataVersionWatch } from "./data-version-watch.js";
import { GroupCommit } from "./group-commit.js";
import { beginBoot, prepareDatabase } from "./open-database.js";
import { SqliteConnection } from "./sqlite-connection.js";
import { SqliteConversationStore } from "./sqlite-conversation-store.js";
import type { SqliteDatabase } from "./sqlite-database.js";
import { SqliteHousekeeping } from "./sqlite-housekeeping.js";
import { SqliteLogFollower } from "./sqlite-log-follower.js";
import { SqliteMessageStore } from "./sqlite-message-store.js";
import { SqliteOutboxStore } from "./sqlite-outbox-store.js";
import { SqlitePushStore } from "./sqlite-push-store.js";

const VACUUM_BYTES = 268_435_456;

/** Settings of {@link sqlite}. */
export interface SqliteOptions {
  /** Opens a database in memory too, which loses every message with the process. For tests. */
  readonly allowVolatile?: boolean;
  /**
   * The largest file, in bytes, that an erasure rebuilds with VACUUM; 256 MiB by default. It takes about a second for
   * each 100 MB, in which this process does nothing else. Of a larger file `eraseUser` reports `purged: false`.
   */
  readonly vacuumBytes?: number;
}

/**
 * The chat store in a SQLite file, on the application's own better-sqlite3 handle. The file may be the application's
 * own too: all tables begin with `chat_`. Two processes may open it at once. docs/backends/sqlite.md says what is done
 * with the handle.
 * @param database a better-sqlite3 `Database`; stays open when the store is closed
 */
export function sqlite(database: SqliteDatabase, options: SqliteOptions = {}): FollowingStore {
  return new SqliteChatStore(database, options);
}

class SqliteChatStore implements ChatStore {
  readonly messages: MessageStore;
  readonly conversations: ConversationStore;
  readonly housekeeping: Housekeeping;
  readonly pushes: PushStore;
  readonly outbox: OutboxStore;
  readonly follower: LogFollower;
  readonly #options: SqliteOptions;
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;
  readonly #watch: DataVersionWatch;
  readonly #limits: { groupMembers: number; receiptMembers: number } = {
    groupMembers: LIMITS.groupMembers,
    receiptMembers: LIMITS.receiptMembers,
  };

  constructor(database: SqliteDatabase, options: SqliteOptions) {
    this.#options = options;
    this.#connection = new SqliteConnection(database);
    this.#commits = new GroupCommit(this.#connection, () => new ConversationStates(this.#connection));
    this.#watch = new DataVersionWatch(this.#connection);
    this.messages = new SqliteMessageStore(this.#connection, this.#commits, this.#limits);
    const latest = new LatestElsewhere();
    this.conversations = new SqliteConversationStore(this.#connection, this.#commits, this.#limits, latest);
    this.follower = new SqliteLogFollower(this.#connection, this.#commits, latest);
    this.housekeeping = new SqliteHousekeeping(
      this.#connection,
      this.#commits,
      options.vacuumBytes ?? VACUUM_BYTES,
    );
    this.pushes = new SqlitePushStore(this.#connection, this.#commits);
    this.outbox = new SqliteOutboxStore(this.#connection, this.#commits);
  }

  async open({ runtime, groupMembers, receiptMembers }: StoreOptions): Promise<StoreInfo> {
    this.#connection.open(runtime);
    this.#limits.groupMembers = groupMembers;
    this.#limits.receiptMembers = receiptMembers ?? LIMITS.receiptMembers;
    await prepareDatabase(this.#connection, this.#options.allowVolatile === true);
    return beginBoot(this.#connection);
  }

  watch(listener: () => void): Cancel {
    return this.#watch.add(listener);
  }

  async close(): Promise<void> {
    await this.#commits.close();
    this.#watch.close();
    this.#connection.close();
  }
}
