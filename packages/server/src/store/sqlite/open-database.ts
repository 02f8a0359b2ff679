import { newUuid } from "@chat/protocol";
import { unavailable } from "../sql/unavailable.js";
import { currentChange } from "./change-counter.js";
import { migrate } from "./migrations.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import type { SqliteDatabase } from "./sqlite-database.js";

const FULL = 2;

/**
 * Sets the handle to be durable.
 * @throws ChatError `store_unavailable` where SQLite can't do that
 */
async function makeDurable(connection: SqliteConnection, allowVolatile: boolean): Promise<void> {
  const journal = await connection.run((database) =>
    String(database.pragma("journal_mode = WAL", { simple: true })),
  );
  if (!allowVolatile && journal === "memory") {
    throw unavailable(
      "The database is in memory and would lose every message; open a file, or say allowVolatile.",
    );
  }
  if (!allowVolatile && journal !== "wal") {
    throw unavailable(
      `SQLite can't use its write-ahead log here (journal_mode ${journal}); use a file on a local disk.`,
    );
  }
  await connection.run((database) => {
    // better-sqlite3 is compiled to fall back to NORMAL for WAL, where a power cut loses commits that were acknowledged.
    // It does so later, when it first sees the file, unless a level was set; so one is set even if it reads FULL now.
    database.pragma(`synchronous = ${Math.max(FULL, numberOf(database, "synchronous"))}`);
    // macOS alone tells a write to the disk's cache from one to the disk; elsewhere this does nothing.
    database.pragma("fullfsync = ON");
    // What is redacted or erased is written over, and not only taken out of sight.
    database.pragma("secure_delete = ON");
  });
}

function numberOf(database: SqliteDatabase, pragma: string): number {
  return Number(database.pragma(pragma, { simple: true }));
}

/**
 * Makes a database ready for store and registry: durable, and migrated.
 * @throws ChatError `store_unavailable`
 */
export async function prepareDatabase(connection: SqliteConnection, allowVolatile: boolean): Promise<void> {
  await makeDurable(connection, allowVolatile);
  await connection.runInTransaction((database) => migrate(connection, (sql) => database.exec(sql)));
  const level = await connection.run((database) => numberOf(database, "synchronous"));
  if (level < FULL) {
    throw unavailable("synchronous does not stay at FULL; a power cut would lose acknowledged messages.");
  }
}

/**
 * Begins a boot of the store (see {@link decodeCursor}) and gives the epoch.
 * @throws ChatError `store_unavailable`
 */
export function beginBoot(connection: SqliteConnection): Promise<{ readonly epoch: string }> {
  return connection.runInTransaction(() => {
    connection
      .prepare("INSERT INTO chat_boot (id, first_change) VALUES (?, ?)")
      .run(newUuid(connection.runtime.random), currentChange(connection) + 1);
    return connection.prepare("SELECT epoch FROM chat_store").get() as { epoch: string };
  });
}
