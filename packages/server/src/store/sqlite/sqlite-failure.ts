import { ChatError, isChatError } from "@chat/protocol";
import { driverCode } from "../driver-code.js";
import { unavailable } from "../sql/unavailable.js";

/**
 * What a failure means for what is to be done next.
 * `busy`: somebody else holds the database; the same again a little later.
 * `engine`: the database can't be written or read; whoever waits for it is told so.
 * `statement`: one statement failed; others may not.
 */
export interface SqliteFailure {
  readonly kind: "busy" | "engine" | "statement";
  readonly error: ChatError;
}

/** Sentences for the operator, by SQLite's primary result code. */
const ENGINE: Readonly<Record<string, string>> = {
  SQLITE_FULL: "The disk or the database's page limit is full; make room. Nothing of this was stored.",
  SQLITE_IOERR: "The disk failed to read or write the database file; check the disk.",
  SQLITE_CORRUPT: "The database file is damaged; restore it from a backup.",
  SQLITE_NOTADB: "The file is not a SQLite database, or is damaged from its first page on; check its path.",
  SQLITE_READONLY:
    "The database is read-only; check the file's owner and mode and how the handle was opened.",
  SQLITE_CANTOPEN:
    "The database file or its -wal and -shm files can't be opened; check the folder's permissions.",
  SQLITE_PERM: "The operating system refuses access to the database file; check its permissions.",
  SQLITE_NOMEM: "SQLite ran out of memory.",
};

/** The application has a transaction of its own open on the handle. */
export class HandleOccupied extends Error {}

const BUSY = new Set(["SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"]);

/** The error of whoever waited for a busy database for too long. */
export function busyError(waited: number, cause?: unknown): ChatError {
  const sentence = `The database was locked for ${waited} ms: another connection, or a transaction that this handle left open.`;
  return new ChatError("store_unavailable", sentence, { cause });
}

/** Sorts what a database call threw. */
export function failureOf(thrown: unknown): SqliteFailure {
  if (thrown instanceof HandleOccupied) return { kind: "busy", error: busyError(0) };
  if (isChatError(thrown)) return { kind: "statement", error: thrown };
  const code = driverCode(thrown);
  if (code === undefined || !code.startsWith("SQLITE_")) {
    const message = thrown instanceof Error ? thrown.message : "";
    // better-sqlite3 reports the state of its own handle as TypeErrors.
    if (/busy executing a query/.test(message)) return { kind: "busy", error: busyError(0, thrown) };
    if (/connection is not open/.test(message)) {
      return {
        kind: "engine",
        error: unavailable("The application has closed the database handle.", thrown),
      };
    }
    return { kind: "statement", error: new ChatError("internal", "Storing this failed.", { cause: thrown }) };
  }
  // Extended codes are the primary one with a suffix: SQLITE_IOERR_WRITE.
  const primary = code.split("_", 2).join("_");
  if (BUSY.has(primary)) return { kind: "busy", error: busyError(0, thrown) };
  const sentence = ENGINE[primary];
  if (sentence !== undefined) return { kind: "engine", error: unavailable(sentence, thrown) };
  return { kind: "statement", error: unavailable(`SQLite refused a statement (${code}).`, thrown) };
}
