import { migrateMysql } from "@chat/server/mysql";
import type { PoolConnection, RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MYSQL_REGISTRY_QUERIES } from "../../src/registry/mysql/mysql-registry.js";
import { MYSQL_QUERIES } from "../../src/store/mysql/mysql-queries.js";
import { MYSQL_WRITES } from "../../src/store/mysql/write-batch.js";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "./mysql-database.js";
import { upTo } from "./sqlite-drafts.js";

const QUERIES = Object.entries({ ...MYSQL_QUERIES, ...MYSQL_WRITES, ...MYSQL_REGISTRY_QUERIES }).flatMap(
  ([name, text]) => [text].flat().map((statement) => [name, statement] as const),
);

// Conversations and users are named by numbers, so that 5 is one of every kind. 20,000 conversations of five, one of 10,000
// members, 200 of one user; 100,000 messages.
const FILL = [
  "CREATE TABLE numbers (i INT PRIMARY KEY)",
  "INSERT INTO numbers SELECT i FROM JSON_TABLE(?, '$[*]' COLUMNS (i INT PATH '$')) j",
  `INSERT INTO chat_conversation (id, type, creator, created_at, head, changed, activity, member_count)
    SELECT i, 'group', i, 1, 5, i, i, 5 FROM numbers`,
  ...upTo(5).map(
    (
      n,
    ) => `INSERT IGNORE INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, changed)
      SELECT (i * 7 + ${n} * 1009) % 50000, i, 1, 1, 'member', 1, i FROM numbers`,
  ),
  `INSERT IGNORE INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, changed)
    SELECT i, 20000, 1, 1, 'member', 1, 20000 FROM numbers WHERE i <= 10000`,
  `INSERT IGNORE INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, changed)
    SELECT '5', i * 100, 1, 1, 'member', 1, i FROM numbers WHERE i <= 200`,
  "INSERT INTO chat_interval (user_id, conversation, from_id, to_id) SELECT i, i, 1, 2 FROM numbers WHERE i <= 5000",
  `INSERT INTO chat_receipt (conversation, user_id, delivered, read_to, read_ordinal, changed)
    SELECT conversation, user_id, 1, 1, 1, 1 FROM chat_participation`,
  "INSERT INTO chat_presence SELECT i, i, 0 FROM numbers",
  ...upTo(5).map((n) => `INSERT INTO chat_message SELECT i, ${n}, 10, '0' FROM numbers`),
  ...upTo(5).map(
    (n) => `INSERT INTO chat_key SELECT i, ${n}, i, '5', SHA2(CONCAT(i, '.', ${n}), 256) FROM numbers`,
  ),
  "INSERT INTO chat_log SELECT i, i, 1, 5 FROM numbers",
  "INSERT INTO chat_mark SELECT i, '5', 1, i FROM numbers",
  "INSERT INTO chat_user (version, changed, id, name) SELECT 1, i, i, 'User' FROM numbers",
  "INSERT INTO chat_block SELECT i, i + 1 FROM numbers",
  "INSERT INTO chat_push SELECT i, i, '5', 'web-push', '{}' FROM numbers",
  "INSERT INTO chat_push_lead VALUES (1, '5', 1, NULL)",
  "INSERT INTO chat_outbox (number, draft) SELECT i, '{}' FROM numbers",
  "INSERT INTO chat_outbox_lead VALUES (1, '5', 1)",
  "INSERT INTO chat_server SELECT i, '5', 1, 9999999999999 FROM numbers WHERE i <= 5",
  "INSERT INTO chat_session SELECT i % 5, '5', i, 'd', 'c' FROM numbers",
  "INSERT INTO chat_boot (id, first_change) SELECT i, 1 FROM numbers WHERE i <= 2000",
  // What 5 finds.
  `INSERT IGNORE INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, changed)
    VALUES ('5', 5, 1, 1, 'member', 1, 5)`,
  "INSERT IGNORE INTO chat_receipt (conversation, user_id, delivered, read_to, read_ordinal, changed) VALUES (5, '5', 1, 1, 1, 1)",
  "INSERT INTO chat_key VALUES (5, 6, '5', X'05', X'05')",
  "INSERT INTO chat_erasure VALUES ('5', '5')",
  "UPDATE chat_conversation SET pair_low = '5', pair_high = '5' WHERE pk = 6",
  "INSERT INTO chat_session VALUES ('5', '5', '5', 'd', '5')",
  "UPDATE chat_store SET last_change = 20000",
  `ANALYZE TABLE chat_conversation, chat_participation, chat_interval, chat_receipt, chat_presence, chat_message, chat_key,
    chat_log, chat_user, chat_session, chat_boot, chat_push, chat_outbox`,
];

// The few servers, and erasures that are under way; the newest boot, which is the last of its key.
const MAY_SCAN = ["s", "erasing", "b"];
// This looks for what is not there.
const MAY_FIND_NOTHING = ["join"];
// What is sorted is a page, the drafts of a batch, or one user's conversations by number; nothing else is.
const MAY_SORT = [
  ...[
    "bodies",
    "written",
    "list",
    "listChanges",
    "changes",
    "log",
    "firstInLine",
    "memberOf",
    "conversationsOf",
  ],
  ...["ascending", "descending", "reserved", "setLastActive", "ownCandidates", "pushAudience"],
];

interface Step {
  readonly table: string | null;
  readonly select_type: string;
  readonly type: string | null;
  readonly rows: number | string | null;
  readonly Extra: string | null;
}

describe.skipIf(!(await isUp("mysql")))("MySQL store, query plans", () => {
  let database: MysqlDatabase;
  let connection: PoolConnection;

  beforeAll(async () => {
    database = await MysqlDatabase.create();
    const pool = database.pool({ connectionLimit: 1 });
    await migrateMysql(pool);
    connection = await pool.getConnection();
    for (const statement of FILL) await connection.query(statement, [JSON.stringify(upTo(20_000))]);
  }, 120_000);

  afterAll(async () => {
    connection.release();
    await database.dispose();
  });

  it.each(QUERIES)("%s goes by keys", async (name, statement) => {
    // Plans are made for values: 5 is a conversation, a user and a limit, and as a list one with something of everything.
    const list = `[[${upTo(17)
      .map(() => '"35"')
      .join(", ")}]]`;
    const values: string[] = [];
    const sql = statement.replaceAll(
      /(JSON_TABLE\()?\$(\d+|rows|instance)\b/g,
      (_, table: string | undefined, place: string) => {
        // An upper bound is above the lower one.
        values.push(table === undefined ? (place === "3" && name.endsWith("scending") ? "9" : "5") : list);
        return `${table ?? ""}?`;
      },
    );
    const [plan] = await connection.execute<RowDataPacket[]>(`EXPLAIN FORMAT = TRADITIONAL ${sql}`, values);
    const steps = plan as unknown as Step[];
    // A plan that ends with a row that is not there says nothing of what comes behind it.
    const outer = steps.filter(({ select_type: kind }) => kind === "PRIMARY" || kind === "SIMPLE");
    if (!MAY_FIND_NOTHING.includes(name)) {
      // Nobody has a receipt, which MySQL sees before it looks for one.
      const nothing = name === "ownRow" ? /impossible (?!on)|no matching/i : /impossible|no matching/i;
      expect(outer.map(({ Extra }) => Extra).join()).not.toMatch(nothing);
    }
    const scanned = steps.filter(
      ({ table, select_type: kind, type, Extra }) =>
        kind !== "INSERT" &&
        (type === "ALL" || type === "index") &&
        !/^<|^(wanted|d|named|seen|added|sent|wiped|moved|j|gone|own|ended|one)$/.test(table!) &&
        !/Table function/.test(Extra ?? ""),
    );
    expect(scanned.filter(({ table }) => !MAY_SCAN.includes(table!))).toEqual([]);
    const sorts = steps.filter(({ Extra }) => /filesort/.test(Extra ?? ""));
    if (!MAY_SORT.includes(name)) expect(sorts).toEqual([]);
  });
});
