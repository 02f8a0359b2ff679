import { type Runtime, systemRuntime } from "@chat/protocol";
import { decodeAnnouncements, encodeAnnouncement } from "../../discovery/announcement.js";
import type { Discovery } from "../../discovery/discovery.js";
import { preparedOnce } from "../sql/prepared-once.js";
import { GroupCommit } from "./group-commit.js";
import { prepareDatabase } from "./open-database.js";
import { SqliteConnection } from "./sqlite-connection.js";
import type { SqliteDatabase } from "./sqlite-database.js";

const QUERIES = {
  forget: "DELETE FROM chat_announcement WHERE expires <= ? AND id <> ?",
  announce: "INSERT OR REPLACE INTO chat_announcement (id, expires, server) VALUES (?, ?, ?)",
  withdraw: "DELETE FROM chat_announcement WHERE id = ?",
  list: "SELECT server FROM chat_announcement WHERE expires > ?",
} as const;

/** Settings of {@link sqliteDiscovery}. */
export interface SqliteDiscoveryOptions {
  /** Time and chance; the real ones by default. */
  readonly runtime?: Runtime;
  /** As with `sqlite()`. */
  readonly allowVolatile?: boolean;
}

/**
 * The discovery in the SQLite file of the store, for several processes on one machine. Leases compare the wall clock, which the processes share.
 * @param database the handle that `sqlite()` has, or another one of the same file
 */
export function sqliteDiscovery(database: SqliteDatabase, options: SqliteDiscoveryOptions = {}): Discovery {
  const { runtime = systemRuntime(), allowVolatile = false } = options;
  const connection = new SqliteConnection(database);
  connection.open(runtime);
  const commits = new GroupCommit(connection, () => ({ flush() {} }));
  const prepared = preparedOnce(() => prepareDatabase(connection, allowVolatile));

  async function write(work: (now: number) => void): Promise<void> {
    await prepared();
    await commits.write(() => work(runtime.clock.now()));
  }

  return {
    announce: (server, lease) =>
      write((now) => {
        // What was left by those that died goes with the next announcement.
        connection.prepare(QUERIES.forget).run(now, server.serverId);
        connection.prepare(QUERIES.announce).run(server.serverId, now + lease, encodeAnnouncement(server));
      }),
    withdraw: (serverId) => write(() => void connection.prepare(QUERIES.withdraw).run(serverId)),
    async list() {
      await prepared();
      return connection.run(() => {
        const rows = connection.prepare(QUERIES.list).all(runtime.clock.now());
        return decodeAnnouncements((rows as { readonly server: string }[]).map(({ server }) => server));
      });
    },
    async close() {},
  };
}
