import { ChatError, isChatError } from "@chat/protocol";
import { driverCode } from "../driver-code.js";
import { AnswerOverdue, type EngineFailure, socketFailures } from "../sql/engine-failure.js";
import { unavailable } from "../sql/unavailable.js";

const AWAY = "PostgreSQL can't be reached; check that it runs and what the pool connects to.";
const LOST = "The connection to PostgreSQL was lost.";

/** Sentences by SQLSTATE, or by its first two characters; Node's codes of sockets that never were connected beside them. */
const SENTENCES: Readonly<Record<string, readonly [EngineFailure["kind"], string]>> = {
  "40001": ["again", "Transactions were in each other's way, again and again."],
  // A message was stored before; the next try looks it up.
  "23505": ["again", "What was to be stored is there already, again and again."],
  "40P01": ["again", "Transactions waited for each other, again and again."],
  "55P03": ["busy", "Another transaction has locked rows of the chat for seconds; see pg_stat_activity."],
  "57014": ["busy", "PostgreSQL cancelled a statement; the role's statement_timeout may be too short."],
  "25P03": ["lost", LOST],
  // DISCARD ALL, or a pooler that hands connections about. Another connection has prepared nothing yet.
  "26000": ["lost", "What was prepared on a connection is gone; behind a pooler say prepare: false."],
  "42P05": ["lost", "A connection has prepared this for somebody else; behind a pooler say prepare: false."],
  "57P01": ["lost", "PostgreSQL is shutting down, or an administrator ended the connection."],
  "57P02": ["lost", "A process of PostgreSQL crashed, and it ended all connections."],
  "57P03": ["engine", "PostgreSQL is starting up or shutting down."],
  "57P05": ["lost", LOST],
  "08": ["lost", LOST],
  "25006": ["engine", "This PostgreSQL takes no writes: it is a standby, or is set to be read-only."],
  "28": ["engine", "PostgreSQL refuses the pool's login; check user, password and pg_hba.conf."],
  "3D000": ["engine", "The database that the pool connects to does not exist."],
  "42501": [
    "engine",
    "The pool's role may not do this; grant it the tables and the sequence that begin with chat_.",
  ],
  "42P01": ["engine", "Tables of the chat are missing; migrate, and check the role's search_path."],
  "53100": ["engine", "The disk of PostgreSQL is full; make room. Nothing of this was stored."],
  "53200": ["engine", "PostgreSQL ran out of memory."],
  "53300": ["engine", "PostgreSQL has too many connections; raise max_connections or let pools be smaller."],
  "58": ["engine", "The disk of PostgreSQL failed to read or write; check the disk."],
  XX: ["engine", "PostgreSQL reports an error of its own or damaged data; see its log."],
  ...socketFailures(AWAY, LOST),
};

/** A text that PostgreSQL can't keep: a NUL, or what is no UTF-8. */
const UNKEEPABLE = new Set(["22021", "22P05"]);

/** Sorts what a pool, a client or our own work threw. */
export function failureOf(thrown: unknown): EngineFailure {
  if (isChatError(thrown)) return { kind: "statement", error: thrown };
  if (thrown instanceof AnswerOverdue) return { kind: "engine", error: unavailable(thrown.message) };
  const code = driverCode(thrown);
  if (code !== undefined && UNKEEPABLE.has(code)) {
    const sentence = "A text holds what PostgreSQL can't store (a NUL character).";
    return { kind: "statement", error: new ChatError("data_invalid", sentence, { cause: thrown }) };
  }
  const known = code === undefined ? undefined : (SENTENCES[code] ?? SENTENCES[code.slice(0, 2)]);
  if (known !== undefined) return { kind: known[0], error: unavailable(known[1], thrown) };
  const message = thrown instanceof Error ? thrown.message : "";
  // What pg and its pool say without a code.
  if (/connection terminated|not queryable|client was closed/i.test(message)) {
    return { kind: "lost", error: unavailable(LOST, thrown) };
  }
  if (/timeout exceeded|pool after calling end/i.test(message)) {
    return { kind: "engine", error: unavailable(`The pool gives no connection: ${message}.`, thrown) };
  }
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) {
    return { kind: "statement", error: unavailable(`PostgreSQL refused a statement (${code}).`, thrown) };
  }
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return failureOf(thrown.errors[0]);
  return { kind: "statement", error: new ChatError("internal", "Storing this failed.", { cause: thrown }) };
}
