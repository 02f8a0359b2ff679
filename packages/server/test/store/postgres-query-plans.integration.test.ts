import { migratePostgres } from "@chat/server/postgres";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POSTGRES_REGISTRY_QUERIES } from "../../src/registry/postgres/postgres-registry.js";
import { POSTGRES_QUERIES } from "../../src/store/postgres/postgres-queries.js";
import { POSTGRES_WRITES } from "../../src/store/postgres/write-batch.js";
import { isUp } from "../engines/engine-urls.js";
import { PostgresSchema } from "./postgres-schema.js";

const QUERIES = Object.entries({
  ...POSTGRES_QUERIES,
  ...POSTGRES_WRITES,
  ...POSTGRES_REGISTRY_QUERIES,
});

// 20,000 conversations of five, one of 10,000 members, 200 of one user; 100,000 messages.
const FILL = `
  INSERT INTO chat_conversation (id, type, creator, created_at, head, change, activity, member_count)
  SELECT 'c' || i, 'group', 'u' || i, 1, 5, i, i, 5 FROM generate_series(1, 20000) i;
  INSERT INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, change)
  SELECT 'u' || (i * 7 + n * 1009) % 50000, i, 1, 1, 'member', 1, i
  FROM generate_series(1, 20000) i, generate_series(1, 5) n ON CONFLICT DO NOTHING;
  INSERT INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, change)
  SELECT 'u' || i, 20000, 1, 1, 'member', 1, 20000 FROM generate_series(1, 10000) i ON CONFLICT DO NOTHING;
  INSERT INTO chat_participation (user_id, conversation, joined_at, visible_from, role, intervals, change)
  SELECT 'busy', i * 100, 1, 1, 'member', 1, i FROM generate_series(1, 200) i;
  INSERT INTO chat_interval (user_id, conversation, from_id, to_id)
  SELECT 'u' || i, i, 1, 2 FROM generate_series(1, 5000) i;
  INSERT INTO chat_receipt (conversation, user_id, delivered, read, read_ordinal, change)
  SELECT conversation, user_id, 1, 1, 1, 1 FROM chat_participation;
  INSERT INTO chat_presence SELECT 'u' || i, i, false FROM generate_series(1, 20000) i;
  INSERT INTO chat_block SELECT 'u' || i, 'u' || i + 1 FROM generate_series(1, 20000) i;
  INSERT INTO chat_push SELECT 'a' || i, 'u' || i, 'd', 'web-push', '{}' FROM generate_series(1, 20000) i;
  INSERT INTO chat_push_lead VALUES (1, 's1', 1, NULL);
  INSERT INTO chat_outbox (draft) SELECT '{}' FROM generate_series(1, 20000);
  INSERT INTO chat_outbox_lead VALUES (1, 's1', 1);
  INSERT INTO chat_message SELECT i, n, 10, '\\x00' FROM generate_series(1, 20000) i, generate_series(1, 5) n;
  INSERT INTO chat_key SELECT i, n, 'u' || i, '\\x01', decode(md5(i || '.' || n), 'hex')
  FROM generate_series(1, 20000) i, generate_series(1, 5) n;
  INSERT INTO chat_log SELECT i, i, 1, 5 FROM generate_series(1, 20000) i;
  INSERT INTO chat_user SELECT 1, i, 'u' || i, 'User', NULL, NULL FROM generate_series(1, 20000) i;
  INSERT INTO chat_server SELECT 's' || i, 'run', 1, 1 FROM generate_series(1, 5) i;
  INSERT INTO chat_session SELECT 's' || i % 5, 'run', 'u' || i, 'd', 'c' FROM generate_series(1, 20000) i;
  INSERT INTO chat_mark SELECT i, 'run', 1, i FROM generate_series(1, 20000) i;
  INSERT INTO chat_boot (id, first_change) SELECT 'boot ' || i, 1 FROM generate_series(1, 2000) i;
  ANALYZE`;

// One row, the erasures that are under way, the few servers.
const MAY_SCAN = ["chat_store", "chat_erasure", "chat_server", "chat_push_lead", "chat_outbox_lead"];
// What is sorted is a page, the drafts of a batch, or one user's conversations by number; nothing else is.
const MAY_SORT = [
  ...["lock", "bodies", "written", "list", "listChanges", "changes", "log", "firstInLine", "memberOf"],
  ...[
    "conversationsOf",
    "ascending",
    "descending",
    "reserved",
    "setLastActive",
    "acquaintances",
    "mark",
    "pushAudience",
  ],
];

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly PlanNode[];
}

function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store, query plans", () => {
  let schema: PostgresSchema;
  let client: PoolClient;

  beforeAll(async () => {
    schema = await PostgresSchema.create();
    const pool = schema.pool({ max: 1 });
    await migratePostgres(pool);
    client = await pool.connect();
    await client.query(FILL);
    // As a statement is planned that has been prepared and run often, whatever its parameters.
    await client.query("SET plan_cache_mode = force_generic_plan");
  });

  afterAll(async () => {
    client.release();
    await schema.dispose();
  });

  it.each(QUERIES)("%s goes by keys", async (name, sql) => {
    const parameters = new Set(sql.match(/\$\d+/g) ?? []);
    await client.query(`PREPARE under_test AS ${sql}`);
    const list = [...parameters].map(() => "NULL").join(", ");
    const call = list === "" ? "under_test" : `under_test (${list})`;
    const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      `EXPLAIN (FORMAT JSON) EXECUTE ${call}`,
    );
    await client.query("DEALLOCATE under_test");
    const nodes = nodesOf(rows[0]!["QUERY PLAN"][0].Plan);
    const scanned = nodes
      .filter((node) => node["Node Type"] === "Seq Scan")
      .map((node) => node["Relation Name"]!);
    expect(scanned.filter((relation) => !MAY_SCAN.includes(relation))).toEqual([]);
    const sorts = nodes.filter((node) => node["Node Type"].includes("Sort"));
    if (!MAY_SORT.includes(name)) expect(sorts).toEqual([]);
  });
});
