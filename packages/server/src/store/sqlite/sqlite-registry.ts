import { type Runtime, systemRuntime } from "@chat/protocol";
import { leaseRanOut } from "../../registry/in-process-registry.js";
import type { Registry, ServerIdentity, SessionRecord } from "../../registry/registry.js";
import { preparedOnce } from "../sql/prepared-once.js";
import { GroupCommit } from "./group-commit.js";
import { prepareDatabase } from "./open-database.js";
import { SqliteConnection } from "./sqlite-connection.js";
import type { SqliteDatabase } from "./sqlite-database.js";

/** The queries, by what they answer. The tests look at their plans. */
export const REGISTRY_QUERIES = {
  live: "SELECT 1 FROM chat_server WHERE id = ? AND incarnation = ? AND expires > ?",
  join: "INSERT OR REPLACE INTO chat_server (id, incarnation, lease, expires) VALUES (?, ?, ?, ?)",
  renew: "UPDATE chat_server SET expires = ? + lease WHERE id = ? AND incarnation = ? AND expires > ?",
  leave: "DELETE FROM chat_server WHERE id = ? AND incarnation = ?",
  forget: "DELETE FROM chat_session WHERE server = ?",
  register: "INSERT OR REPLACE INTO chat_session (server, user, device, connection) VALUES (?, ?, ?, ?)",
  unregister: "DELETE FROM chat_session WHERE server = ? AND user = ? AND connection = ?",
  // Per server, it stops at the first member who is there.
  servers: `SELECT id FROM chat_server WHERE expires > ?`,
  serversOf: `SELECT id FROM chat_server WHERE expires > ? AND EXISTS (
    SELECT 1 FROM chat_participation p
    CROSS JOIN chat_session s ON s.server = chat_server.id AND s.user = p.user
    WHERE p.conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND p.left_at IS NULL
  )`,
} as const;

/** Settings of {@link sqliteRegistry}. */
export interface SqliteRegistryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `sqlite()`. */
  readonly allowVolatile?: boolean;
}

/**
 * The registry in the SQLite file of the store, for several processes on one machine. A conversation's servers are found by one
 * join of participations with sessions. Leases compare the wall clock, which the processes share.
 * @param database the handle that `sqlite()` has, or another one of the same file
 */
export function sqliteRegistry(database: SqliteDatabase, options: SqliteRegistryOptions = {}): Registry {
  return new SqliteRegistry(database, options);
}

class SqliteRegistry implements Registry {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<{ flush(): void }>;
  readonly #prepared: () => Promise<void>;

  constructor(database: SqliteDatabase, options: SqliteRegistryOptions) {
    this.#connection = new SqliteConnection(database);
    this.#connection.open(options.runtime ?? systemRuntime());
    this.#prepared = preparedOnce(() => prepareDatabase(this.#connection, options.allowVolatile === true));
    this.#commits = new GroupCommit(this.#connection, () => ({ flush() {} }));
  }

  join({ serverId, incarnation }: ServerIdentity, lease: number): Promise<void> {
    return this.#write((now) => {
      if (!this.#isLive({ serverId, incarnation }, now)) this.#run("forget", serverId);
      this.#run("join", serverId, incarnation, lease, now + lease);
    });
  }

  renew({ serverId, incarnation }: ServerIdentity): Promise<boolean> {
    return this.#write((now) => this.#run("renew", now, serverId, incarnation, now) > 0);
  }

  leave({ serverId, incarnation }: ServerIdentity): Promise<void> {
    return this.#write(() => {
      if (this.#run("leave", serverId, incarnation) > 0) this.#run("forget", serverId);
    });
  }

  async register(server: ServerIdentity, { userId, deviceId, connectionId }: SessionRecord): Promise<void> {
    const registered = await this.#write((now) => {
      if (!this.#isLive(server, now)) return false;
      this.#run("register", server.serverId, userId, deviceId, connectionId);
      return true;
    });
    if (!registered) throw leaseRanOut();
  }

  unregister({ serverId }: ServerIdentity, { userId, connectionId }: SessionRecord): Promise<void> {
    return this.#write(() => {
      this.#run("unregister", serverId, userId, connectionId);
    });
  }

  async serversOf(conversationId: string): Promise<readonly string[]> {
    await this.#prepared();
    return this.#connection.run(() => {
      const now = this.#connection.runtime.clock.now();
      const rows = this.#connection.prepare(REGISTRY_QUERIES.serversOf).all(now, conversationId);
      return (rows as { id: string }[]).map(({ id }) => id);
    });
  }

  async servers(): Promise<readonly string[]> {
    await this.#prepared();
    return this.#connection.run(() => {
      const rows = this.#connection
        .prepare(REGISTRY_QUERIES.servers)
        .all(this.#connection.runtime.clock.now());
      return (rows as { id: string }[]).map(({ id }) => id);
    });
  }

  #isLive({ serverId, incarnation }: ServerIdentity, now: number): boolean {
    return this.#connection.prepare(REGISTRY_QUERIES.live).get(serverId, incarnation, now) !== undefined;
  }

  async #write<T>(work: (now: number) => T): Promise<T> {
    await this.#prepared();
    return this.#commits.write(() => work(this.#connection.runtime.clock.now()));
  }

  #run(query: keyof typeof REGISTRY_QUERIES, ...parameters: (string | number)[]): number {
    return this.#connection.prepare(REGISTRY_QUERIES[query]).run(...parameters).changes;
  }
}
