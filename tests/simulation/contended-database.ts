import type { SqliteDatabase } from "@chat/server/sqlite";

/** A commit that the engine refused because another transaction was in its way: it has rolled back all of it. */
class Contended extends Error {
  readonly code = "SQLITE_BUSY_SNAPSHOT";
}

/**
 * A server's handle of the database, whose commits the engine may refuse, as SQLite, PostgreSQL (40001) and MySQL (1213) do where transactions
 * are in each other's way. What is tried again after that, and for how long, is up to the store.
 * @param isRefused asked before each commit, of a reading transaction as well
 */
export function contendedDatabase(database: SqliteDatabase, isRefused: () => boolean): SqliteDatabase {
  return {
    get open() {
      return database.open;
    },
    get inTransaction() {
      return database.inTransaction;
    },
    prepare(sql) {
      const statement = database.prepare(sql);
      if (sql !== "COMMIT") return statement;
      return {
        run() {
          if (isRefused()) throw new Contended("database is locked");
          return statement.run();
        },
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
        iterate: (...parameters) => statement.iterate(...parameters),
        safeIntegers: (on) => statement.safeIntegers(on),
      };
    },
    exec: (sql) => database.exec(sql),
    pragma: (sql, options) => database.pragma(sql, options),
  };
}
