import { ChatError, isChatError } from "@chat/protocol";
import { AnswerOverdue, type EngineFailure, socketFailures } from "../sql/engine-failure.js";
import { unavailable } from "../sql/unavailable.js";

type Kind = EngineFailure["kind"];

const AWAY = "MySQL can't be reached; check that it runs and what the pool connects to.";
const LOST = "The connection to MySQL was lost.";
const LOGIN = "MySQL refuses the pool's login; check user, password and from where the user may come.";
const RIGHTS = "The pool's user may not do this; grant it the tables that begin with chat_.";
const READ_ONLY = "This MySQL takes no writes: it is a replica, or is set to be read-only.";
const MEMORY = "MySQL ran out of memory.";
const CONNECTIONS = "MySQL has too many connections; raise max_connections or let pools be smaller.";
const DISK = "The disk of MySQL is full, or a table is; make room. Nothing of this was stored.";
const CANCELLED = "MySQL cancelled a statement; its limit for the time of a statement may be too short.";
const AGAIN = "Transactions were in each other's way, again and again.";

/** Sentences by the number of the error, MySQL's and MariaDB's. */
const BY_NUMBER: Readonly<Record<number, readonly [Kind, string]>> = {
  1213: ["again", "Transactions waited for each other, again and again."],
  // A message was stored before; the next try looks it up.
  1062: ["again", "What was to be stored is there already, again and again."],
  1020: ["again", AGAIN],
  1615: ["again", AGAIN],
  3101: ["again", AGAIN],
  1205: ["busy", "Another transaction has locked rows of the chat for long; see innodb_lock_wait_timeout."],
  1317: ["busy", CANCELLED],
  1969: ["busy", CANCELLED],
  3024: ["busy", CANCELLED],
  1053: ["lost", "MySQL is shutting down."],
  1077: ["lost", "MySQL is shutting down."],
  1079: ["lost", "MySQL is shutting down."],
  1080: ["lost", LOST],
  1158: ["lost", LOST],
  1159: ["lost", LOST],
  1160: ["lost", LOST],
  1161: ["lost", LOST],
  1184: ["lost", LOST],
  1927: ["lost", LOST],
  3169: ["lost", LOST],
  4031: ["lost", LOST],
  1290: ["engine", READ_ONLY],
  1792: ["engine", READ_ONLY],
  1836: ["engine", READ_ONLY],
  1044: ["engine", LOGIN],
  1045: ["engine", LOGIN],
  1130: ["engine", LOGIN],
  1251: ["engine", LOGIN],
  1698: ["engine", LOGIN],
  1046: ["engine", "The pool names no database; give it one."],
  1049: ["engine", "The database that the pool connects to does not exist."],
  1142: ["engine", RIGHTS],
  1143: ["engine", RIGHTS],
  1227: ["engine", RIGHTS],
  1370: ["engine", RIGHTS],
  1146: ["engine", "Tables of the chat are missing; migrate, and check the pool's database."],
  1021: ["engine", DISK],
  1114: ["engine", DISK],
  1037: ["engine", MEMORY],
  1038: ["engine", MEMORY],
  1041: ["engine", MEMORY],
  1040: ["engine", CONNECTIONS],
  1203: ["engine", CONNECTIONS],
  1226: ["engine", CONNECTIONS],
  1461: ["engine", "MySQL holds too many prepared statements; raise max_prepared_stmt_count."],
  1030: ["engine", "The storage of MySQL reports an error; see its log."],
  1180: ["engine", "MySQL could not commit; see its log."],
  1153: ["statement", "This is larger than MySQL takes at once; raise max_allowed_packet."],
};

/** Codes of Node's sockets and of the driver. */
const BY_CODE: Readonly<Record<string, readonly [Kind, string]>> = {
  ...socketFailures(AWAY, LOST),
  PROTOCOL_CONNECTION_LOST: ["lost", LOST],
};

/** A text that a column can't hold. */
const UNKEEPABLE = new Set([1366, 1406]);

/** Sorts what a pool, a connection or our own work threw. */
export function failureOf(thrown: unknown): EngineFailure {
  if (isChatError(thrown)) return { kind: "statement", error: thrown };
  if (thrown instanceof AnswerOverdue) return { kind: "engine", error: unavailable(thrown.message) };
  const { errno, code, fatal } = tellingOf(thrown);
  if (errno !== undefined && UNKEEPABLE.has(errno)) {
    const sentence = "A text holds what MySQL can't store.";
    return { kind: "statement", error: new ChatError("data_invalid", sentence, { cause: thrown }) };
  }
  const known = (errno === undefined ? undefined : BY_NUMBER[errno]) ?? BY_CODE[code ?? ""];
  if (known !== undefined) return { kind: known[0], error: unavailable(known[1], thrown) };
  const message = thrown instanceof Error ? thrown.message : "";
  if (fatal || /closed state|packets out of order/i.test(message)) {
    return { kind: "lost", error: unavailable(LOST, thrown) };
  }
  // What the pool says without a code.
  if (/pool is closed|no connections available|queue limit reached/i.test(message)) {
    return { kind: "engine", error: unavailable(`The pool gives no connection: ${message}`, thrown) };
  }
  if (errno !== undefined) {
    return { kind: "statement", error: unavailable(`MySQL refused a statement (${errno}).`, thrown) };
  }
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return failureOf(thrown.errors[0]);
  return { kind: "statement", error: new ChatError("internal", "Storing this failed.", { cause: thrown }) };
}

/** True if a unique key is taken already. */
export function isDuplicate(thrown: unknown): boolean {
  return tellingOf(thrown).errno === 1062;
}

/** True if a table has a column already that was to be added. */
export function isColumnThere(thrown: unknown): boolean {
  return tellingOf(thrown).errno === 1060;
}

function tellingOf(thrown: unknown): { errno?: number; code?: string; fatal: boolean } {
  if (typeof thrown !== "object" || thrown === null) return { fatal: false };
  const { errno, code, fatal } = thrown as { errno?: unknown; code?: unknown; fatal?: unknown };
  return {
    // A socket's numbers are negative.
    ...(typeof errno === "number" && errno > 0 && { errno }),
    ...(typeof code === "string" && { code }),
    fatal: fatal === true,
  };
}
