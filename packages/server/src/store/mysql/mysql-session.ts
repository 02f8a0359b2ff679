import { unavailable } from "../sql/unavailable.js";
import { rowsOf } from "./mysql-statement.js";
import type { MysqlConnection } from "./mysql-pool.js";

/** What a page of rows and a batch of messages need at the most, as text of two digits a byte. */
const SMALLEST_PACKET = 16_777_216;
/** MariaDB cuts what it aggregates to so many bytes: the receipts of a conversation's members. */
const SMALLEST_AGGREGATE = 1_048_576;

const NAMES = [
  ...[
    "version",
    "innodb_flush_log_at_trx_commit",
    "innodb_doublewrite",
    "log_bin",
    "sync_binlog",
    "binlog_format",
  ],
  ...["read_only", "tx_isolation", "transaction_isolation", "autocommit", "sql_mode", "max_allowed_packet"],
  ...["character_set_client", "character_set_connection", "character_set_results", "group_concat_max_len"],
  ...["server_id", "hostname", "port", "timestamp"],
] as const;

type Settings = Partial<Record<(typeof NAMES)[number], string>>;

const SHOW_SETTINGS = `SHOW VARIABLES WHERE Variable_name IN (${NAMES.map((name) => `'${name}'`).join(", ")})`;

/** What is known of a connection, and with it of the run of the server that it was made to. */
export interface MysqlSession {
  /** The server, and when it was started. */
  readonly server: string;
  /** Unix time, s; up to one too many. */
  readonly startedAt: number;
}

/**
 * Looks at the server and at what the pool has set for the connection. Refuses a server that could lose what it has committed, or that can't be
 * used at all: also one that a pool has come to since, by a failover.
 * @throws ChatError `store_unavailable`
 */
export async function inspectSession(
  connection: MysqlConnection,
  allowVolatile: boolean,
): Promise<MysqlSession> {
  const [uptime] = await rowsOf<{ readonly Value: string }>(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'");
  const pairs = await rowsOf<{ readonly Variable_name: string; readonly Value: string }>(
    connection,
    SHOW_SETTINGS,
  );
  const settings: Settings = Object.fromEntries(
    pairs.map(({ Variable_name, Value }) => [Variable_name.toLowerCase(), Value]),
  );
  assertUsable(settings);
  if (!allowVolatile) assertDurable(settings);
  const { server_id: id, hostname, port, timestamp } = settings;
  const startedAt = Number(timestamp) - Number(uptime!.Value);
  return { server: `${id} ${hostname}:${port}`, startedAt };
}

function assertUsable(settings: Settings): void {
  const { version = "" } = settings;
  const isMaria = /mariadb/i.test(version);
  if (!isNewEnough(version, isMaria ? [10, 6] : [8, 0])) {
    throw unavailable(`MySQL 8.0 or MariaDB 10.6 or newer is needed; this is ${version}.`);
  }
  if ((settings.read_only ?? "OFF") !== "OFF") {
    throw unavailable("This MySQL is read-only: let the pool connect to the primary, not to a replica.");
  }
  for (const name of ["character_set_client", "character_set_connection", "character_set_results"] as const) {
    if (settings[name] !== "utf8mb4") {
      throw unavailable(`${name} is ${settings[name]}; make the pool with charset: "utf8mb4".`);
    }
  }
  if ((settings.transaction_isolation ?? settings.tx_isolation) === "READ-UNCOMMITTED") {
    throw unavailable(
      "The pool's sessions read what is not committed; let transaction_isolation be READ-COMMITTED.",
    );
  }
  if (settings.autocommit !== "ON")
    throw unavailable("autocommit is off in the pool's sessions; let it be on.");
  if (!/STRICT_(TRANS|ALL)_TABLES|TRADITIONAL/.test(settings.sql_mode ?? "")) {
    throw unavailable("sql_mode is not strict: MySQL would cut what does not fit. Add STRICT_TRANS_TABLES.");
  }
  if (Number(settings.max_allowed_packet) < SMALLEST_PACKET) {
    throw unavailable(
      `max_allowed_packet is ${settings.max_allowed_packet}; let it be ${SMALLEST_PACKET} or more.`,
    );
  }
  if (isMaria && Number(settings.group_concat_max_len) < SMALLEST_AGGREGATE) {
    throw unavailable(
      `group_concat_max_len is ${settings.group_concat_max_len}; let it be ${SMALLEST_AGGREGATE} or more.`,
    );
  }
  if (settings.log_bin === "ON" && settings.binlog_format === "STATEMENT") {
    throw unavailable("binlog_format is STATEMENT, which READ COMMITTED can't have; let it be ROW or MIXED.");
  }
}

function assertDurable(settings: Settings): void {
  const tail = "or say allowVolatile.";
  const flush = settings.innodb_flush_log_at_trx_commit;
  if (flush !== "1") {
    throw unavailable(
      `innodb_flush_log_at_trx_commit is ${flush}: a crash could lose acknowledged messages. Set it to 1, ${tail}`,
    );
  }
  if (settings.log_bin === "ON" && settings.sync_binlog !== "1") {
    throw unavailable(
      `sync_binlog is ${settings.sync_binlog}: a crash could leave replicas and the server with different messages. Set it to 1, ${tail}`,
    );
  }
  // MySQL's DETECT_ONLY finds a torn page and has nothing to mend it with.
  const doublewrite = settings.innodb_doublewrite;
  if (doublewrite === "OFF" || doublewrite === "DETECT_ONLY") {
    throw unavailable(
      `innodb_doublewrite is ${doublewrite}: a crash of the machine could tear pages. Set it to ON, ${tail}`,
    );
  }
}

function isNewEnough(version: string, [major, minor]: readonly [number, number]): boolean {
  // Some replicas of MariaDB put 5.5.5- before their version.
  const [, found = "0", below = "0"] = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(found) > major || (Number(found) === major && Number(below) >= minor);
}
