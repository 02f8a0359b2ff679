import { describe, expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { CONVERSATION_QUERIES } from "../../src/store/sqlite/sqlite-conversation-store.js";
import { HOUSEKEEPING_QUERIES } from "../../src/store/sqlite/sqlite-housekeeping.js";
import { FOLLOWER_QUERIES } from "../../src/store/sqlite/sqlite-log-follower.js";
import { MESSAGE_QUERIES } from "../../src/store/sqlite/sqlite-message-store.js";
import { OUTBOX_QUERIES } from "../../src/store/sqlite/sqlite-outbox-store.js";
import { PUSH_QUERIES } from "../../src/store/sqlite/sqlite-push-store.js";
import { RECEIPT_QUERIES } from "../../src/store/sqlite/sqlite-receipts.js";
import { REDACTION_QUERIES } from "../../src/store/sqlite/sqlite-redactions.js";
import { REGISTRY_QUERIES } from "../../src/store/sqlite/sqlite-registry.js";
import { runtime } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

const QUERIES = Object.entries({
  ...MESSAGE_QUERIES,
  ...CONVERSATION_QUERIES,
  ...REGISTRY_QUERIES,
  ...PUSH_QUERIES,
  ...OUTBOX_QUERIES,
  ...RECEIPT_QUERIES,
  ...REDACTION_QUERIES,
  ...HOUSEKEEPING_QUERIES,
  ...FOLLOWER_QUERIES,
});

// What may be gone through whole: the list that the caller gave, the page that was chosen or where it begins, the few servers.
const MAY_SCAN = /^SCAN (json_each|wanted|named|page|place|chat_server|CONSTANT ROW)\b/;
// What is sorted is one user's conversations, by number; nothing else is.
const MAY_SORT = [
  "firstInLine",
  "list",
  "listChanges",
  "memberOf",
  "conversationsOf",
  "acquaintances",
  // Those of one conversation whom a message has not reached.
  "pushAudience",
];

describe.each([["no statistics"], ["statistics of a small database"]])(
  "query plans with %s",
  (statistics) => {
    it.each(QUERIES)("%s goes by keys", async (name, sql) => {
      const file = new SqliteFile();
      onTestFinished(() => file.dispose());
      const handle = file.handle();
      await sqlite(handle).open({ runtime, groupMembers: 100 });
      if (statistics !== "no statistics") handle.exec("ANALYZE");
      const parameters = [...sql.matchAll(/\?/g)].map(() => 1);
      const plan = handle.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[];
      const details = plan.map(({ detail }) => detail);
      const scans = details.filter((detail) => detail.startsWith("SCAN") && !MAY_SCAN.test(detail));
      // The system takes no part: one row made of constants stands for its participation.
      expect(scans).toEqual(name === "ownRow" ? ["SCAN p"] : []);
      if (!MAY_SORT.includes(name))
        expect(details.filter((detail) => detail.includes("TEMP B-TREE"))).toEqual([]);
    });
  },
);
