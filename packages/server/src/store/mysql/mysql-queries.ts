import type { SqlQuery } from "../sql/sql-query.js";
import { jsonTable } from "./json-rows.js";

/** One statement, or several of which the last one's rows are the answer. */
export type MysqlText = string | readonly string[];

/** MySQL's own clock, so the servers' clocks need not agree; in UTC, so that no hour comes twice. Unix time, ms. */
export const NOW = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000";

/** What each answer of the change feed begins with; `$1` is the boot of the cursor. */
const FEED = `feed AS (
    SELECT s.last_change AS at_change,
      (SELECT CONVERT(b.id USING utf8mb4) FROM chat_boot b ORDER BY b.number DESC LIMIT 1) AS newest_boot,
      (SELECT COALESCE(
          (SELECT later.first_change FROM chat_boot later WHERE later.number > minted.number
            ORDER BY later.number LIMIT 1),
          s.last_change + 1)
        FROM chat_boot minted WHERE minted.id = $1) AS ends_at,
      CONCAT($instance, '') AS run
    FROM chat_store s WHERE s.id = 1
  )`;
const FEED_COLUMNS = `feed.at_change AS "position", feed.newest_boot AS "boot", feed.ends_at AS "ends", feed.run AS "instance"`;

/** An id as text. */
function text(column: string): string {
  return `CONVERT(${column} USING utf8mb4)`;
}

const CONVERSATION = (id: string): string =>
  `(SELECT known.pk FROM chat_conversation known WHERE known.id = ${id})`;

const IDS = (parameter: string): string => jsonTable(parameter, "wanted", { id: "hex" }, true);

/**
 * The change number of one user's view. A former member's ended with the membership, but they hear of every redaction:
 * it may take away what they hold. `p` participation, `c` conversation.
 */
const VIEW_CHANGE =
  "CASE WHEN p.left_at IS NULL THEN GREATEST(c.view_change, p.changed) ELSE GREATEST(p.changed, c.redaction_change, c.prune_change) END";

const RECEIPT_COLUMNS = `r.delivered AS "delivered", r.read_to AS "read", r.read_ordinal AS "readOrdinal",
  r.unread_version AS "unreadVersion", r.unread_from AS "unreadFrom", r.unread_ordinal AS "unreadOrdinal",
  r.mute_version AS "muteVersion", r.muted_until AS "mutedUntil", r.privacy_version AS "privacyVersion",
  r.typing AS "typing", r.read_receipts AS "readReceipts"`;

/** With what of it others are told. */
const KEPT_RECEIPT_COLUMNS = `${RECEIPT_COLUMNS}, r.shown_read AS "shownRead",
  (SELECT u.read_receipts FROM chat_user u WHERE u.id = r.user_id) AS "userReadReceipts"`;

const PRIVACY_COLUMNS = `${text("u.id")} AS "userId", u.privacy_version AS "version", u.typing AS "typing",
  u.read_receipts AS "readReceipts",
  (SELECT CAST(COALESCE(JSON_ARRAYAGG(${text("b.blocked")}), '[]') AS CHAR) FROM chat_block b
    WHERE b.user_id = u.id) AS "blocked"`;

/** Of a direct conversation: one of the two has blocked the other. */
const IS_BLOCKED = `(EXISTS (SELECT 1 FROM chat_block b WHERE b.user_id = c.pair_low AND b.blocked = c.pair_high)
  OR EXISTS (SELECT 1 FROM chat_block b WHERE b.user_id = c.pair_high AND b.blocked = c.pair_low))`;

/** The other user of a direct conversation. */
const PEER = "CASE p.user_id WHEN c.pair_low THEN c.pair_high ELSE c.pair_low END";

/**
 * The columns of a raw row, from `p` (participation), `c` (conversation) and `r` (the user's receipt).
 * A member sees the latest message unless it lies outside the user's intervals; a former member sees what was there.
 * @param receiptMembers the parameter that says up to how many members the others' receipts are told
 */
function rowColumns(receiptMembers: string): string {
  return `
  ${VIEW_CHANGE} AS "change",
  ${text("c.id")} AS "conversationId",
  c.type AS "type",
  CASE WHEN p.left_at IS NULL THEN c.activity ELSE p.left_activity END AS "activity",
  CASE WHEN p.left_at IS NULL THEN c.head ELSE p.left_at - 1 END AS "head",
  CASE WHEN p.left_at IS NULL THEN c.fingerprint ELSE p.left_fingerprint END AS "headFingerprint",
  CASE WHEN p.left_at IS NULL THEN c.ordinal ELSE p.left_ordinal END AS "headOrdinal",
  CASE WHEN p.left_at IS NULL THEN c.member_count ELSE p.left_member_count END AS "memberCount",
  p.left_at IS NULL AS "member",
  p.role AS "role",
  p.joined_at AS "joinedAt",
  p.visible_from AS "visibleFrom",
  c.created_at AS "createdAt",
  CASE WHEN p.left_at IS NULL THEN c.name ELSE p.left_name END AS "name",
  CASE WHEN p.left_at IS NULL THEN c.data ELSE p.left_data END AS "data",
  CASE WHEN p.left_at IS NULL THEN c.history END AS "history",
  ${text("CASE p.user_id WHEN c.pair_low THEN c.pair_high WHEN c.pair_high THEN c.pair_low END")} AS "peerId",
  CASE
    WHEN p.left_at IS NOT NULL THEN NULL
    WHEN c.latest_id >= p.visible_from OR (p.intervals > 1 AND EXISTS (
      SELECT 1 FROM chat_interval earlier
      WHERE earlier.user_id = p.user_id AND earlier.conversation = p.conversation
        AND c.latest_id >= earlier.from_id AND c.latest_id < earlier.to_id
    )) THEN c.latest
  END AS "latest",
  (SELECT m.body FROM chat_message m WHERE m.conversation = p.conversation AND m.id = p.left_latest_id) AS "leftLatest",
  p.left_latest_id AS "leftLatestId",
  c.first_id AS "firstId",
  c.first_ordinal AS "firstOrdinal",
  c.last_redaction AS "lastRedaction",
  ${RECEIPT_COLUMNS},
  CASE WHEN p.left_at IS NULL AND c.member_count <= ${receiptMembers} THEN (
    SELECT CAST(COALESCE(JSON_ARRAYAGG(JSON_ARRAY(${text("theirs.user_id")}, theirs.delivered, COALESCE(theirs.shown_read, theirs.read_to))), '[]') AS CHAR)
    FROM chat_receipt theirs WHERE theirs.conversation = c.pk AND NOT (theirs.user_id <=> p.user_id)
  ) END AS "receipts"`;
}

/** In place of a participation, where the application itself looks: an owner from the first entry on. */
const NOBODY = `(SELECT 'owner' AS role, 1 AS joined_at, 1 AS visible_from, 1 AS intervals, CAST(NULL AS BINARY) AS user_id,
  CAST(NULL AS SIGNED) AS conversation, 0 AS changed, CAST(NULL AS SIGNED) AS left_at,
  CAST(NULL AS SIGNED) AS left_fingerprint, CAST(NULL AS SIGNED) AS left_ordinal, CAST(NULL AS SIGNED) AS left_activity,
  CAST(NULL AS SIGNED) AS left_member_count, CAST(NULL AS SIGNED) AS left_latest_id, CAST(NULL AS CHAR) AS left_name,
  CAST(NULL AS CHAR) AS left_data)`;

/** A participation's conversation beside it, and the receipt of its user, who has none any more as a former member. */
const ROW_SOURCES = `STRAIGHT_JOIN chat_conversation c ON c.pk = p.conversation
  LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id`;

const OWN = "chat_participation p STRAIGHT_JOIN chat_conversation c ON c.pk = p.conversation";

const EARLIER = `CASE WHEN p.intervals > 1 THEN (
    SELECT CAST(JSON_ARRAYAGG(JSON_ARRAY(i.from_id, i.to_id)) AS CHAR) FROM chat_interval i
    WHERE i.user_id = p.user_id AND i.conversation = p.conversation
  ) END AS "earlier"`;

/** The page is chosen by keys and numbers alone; only its own rows are read whole. */
function pageOfRows(where: string, order: string): string {
  return `SELECT ${rowColumns("$5")} FROM (
      SELECT c.pk, ${VIEW_CHANGE} AS moved FROM ${OWN} WHERE p.user_id = $2 AND ${where} ORDER BY ${order} LIMIT $4
    ) page
    STRAIGHT_JOIN chat_participation p ON p.user_id = $2 AND p.conversation = page.pk ${ROW_SOURCES}`;
}

/** Entries between exclusive bounds; the sum of what lies before an entry of the page decides whether it still fits. */
function range(order: "ASC" | "DESC"): string {
  return `SELECT page.id, page.body FROM (
      SELECT part.id, part.body,
        SUM(part.bytes) OVER (ORDER BY part.id ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ahead
      FROM (
        SELECT m.id, m.bytes, m.body FROM chat_message m
        WHERE m.conversation = ${CONVERSATION("$1")} AND m.id > $2 AND m.id < $3
        ORDER BY m.id ${order} LIMIT $4
      ) part
    ) page
    WHERE page.ahead IS NULL OR page.ahead <= $5 ORDER BY page.id`;
}

/** True if an id is in the list. */
const isIn = (column: string, parameter: string): string =>
  `INSTR(${parameter}, CONCAT('"', LOWER(HEX(${column})), '"')) > 0`;

const CANDIDATE = `c.pk AS "key", ${text("c.id")} AS "id", c.head, c.first_id AS "firstId", c.retention_age AS "age",
  c.retention_count AS "count" FROM chat_conversation c`;

const USER_COLUMNS = `${text("u.id")} AS "userId", u.version AS "version", u.name AS "name", u.avatar_url AS "avatarUrl",
  u.data AS "data"`;

/** A lease goes to who has it, or who comes after it ran out. What is assigned first is what the second assignment looks at. */
function takenOver(lead: string): string {
  return `owner = CASE WHEN ${lead}.owner = $1 OR ${lead}.expires <= ${NOW} THEN $1 ELSE ${lead}.owner END,
      expires = CASE WHEN ${lead}.owner = $1 THEN ${NOW} + $2 ELSE ${lead}.expires END`;
}

const PUSH_COLUMNS = `${text("s.user_id")} AS "userId", ${text("s.device")} AS "deviceId", s.provider AS "provider",
  ${text("s.address")} AS "address", s.target AS "target"`;

/** The statements of the shared stores on MySQL and MariaDB. The tests look at their plans. */
export const MYSQL_QUERIES: Readonly<Record<SqlQuery, MysqlText>> = {
  // In the order of the list, which is sorted, so that two transactions never wait for each other. By the key whatever
  // the plan may cost: a scan of a small table would wait for other conversations. MySQL locks no JSON_TABLE (error 3569)
  // unless that stands in a table of its own.
  lock: `SELECT c.pk AS "key", ${text("c.id")} AS "id", c.head, c.fingerprint, c.ordinal,
      c.membership_version AS "membershipVersion", c.member_count AS "memberCount",
      c.last_redaction AS "lastRedaction", c.first_id AS "firstId", c.first_ordinal AS "firstOrdinal", c.activity,
      c.latest_id AS "latestId",
      ${IS_BLOCKED} AS "isBlocked",
      CASE WHEN ${isIn("c.id", "$2")} THEN c.name END AS "name", CASE WHEN ${isIn("c.id", "$2")} THEN c.data END AS "data",
      CASE WHEN ${isIn("c.id", "$2")} THEN c.history END AS "history",
      CASE WHEN ${isIn("c.id", "$2")} THEN c.latest END AS "latestMessage"
    FROM (SELECT wanted.id FROM ${IDS("$1")}) named
    STRAIGHT_JOIN chat_conversation c FORCE INDEX (chat_conversation_id) ON c.id = UNHEX(named.id)
    FOR UPDATE`,
  // The last two columns come as two digits a byte, and are packed like any text once more.
  findKeys: `SELECT d.n AS "place", k.message AS "id", m.body AS "body"
    FROM ${jsonTable("$rows", "d", { conversation: "int", sender: "hex", device: "hex", client_message: "hex" })}
    STRAIGHT_JOIN chat_key k ON k.conversation = d.conversation AND k.sender = UNHEX(d.sender)
      AND k.device = UNHEX(UNHEX(d.device)) AND k.client_message = UNHEX(UNHEX(d.client_message))
    LEFT JOIN chat_message m ON m.conversation = k.conversation AND m.id = k.message`,
  standings: `SELECT p.conversation AS "conversation", ${text("p.user_id")} AS "userId", p.joined_at AS "joinedAt",
      p.visible_from AS "visibleFrom", p.left_at AS "leftAt", p.role AS "role", p.intervals AS "intervals",
      p.left_latest_id AS "leftLatestId", ${EARLIER}
    FROM ${jsonTable("$rows", "named", { conversation: "int", user_id: "hex" })}
    STRAIGHT_JOIN chat_participation p ON p.user_id = UNHEX(named.user_id) AND p.conversation = named.conversation`,
  bodies: `SELECT m.id, m.body FROM ${jsonTable("$2", "wanted", { id: "int" }, true)}
    STRAIGHT_JOIN chat_message m ON m.conversation = $1 AND m.id = wanted.id ORDER BY m.id`,
  // By the idempotency keys, which name the author: no other index does.
  written: `SELECT k.message FROM chat_key k WHERE k.conversation = $1 AND k.sender = $2 AND k.message > $3
    ORDER BY k.message LIMIT $4`,
  find: `SELECT k.message AS "id", m.body AS "body", c.created_at AS "createdAt" FROM chat_conversation c
    STRAIGHT_JOIN chat_key k ON k.conversation = c.pk AND k.sender = $2 AND k.device = UNHEX($3)
      AND k.client_message = UNHEX($4)
    LEFT JOIN chat_message m ON m.conversation = c.pk AND m.id = k.message
    WHERE c.id = $1`,
  ascending: range("ASC"),
  descending: range("DESC"),
  heads: `SELECT ${text("c.id")} AS "id", c.head, c.fingerprint, c.ordinal, c.membership_version AS "membershipVersion",
      c.first_id AS "firstId", c.last_redaction AS "lastRedaction",
      ${IS_BLOCKED} AS "isBlocked"
    FROM ${IDS("$1")} STRAIGHT_JOIN chat_conversation c ON c.id = UNHEX(wanted.id)`,

  // Of two at once the second fails at a unique key once the first is committed. To look before would lock the gap that others insert into.
  reserve: `INSERT INTO chat_conversation (id, type, creator, pair_low, pair_high, name, data, created_at, history)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  reserved: `SELECT ${text("there.id")} AS "conversationId", there.type AS "type", ${text("there.creator")} AS "creatorId" FROM (
      SELECT 1 AS place, c.id, c.type, c.creator FROM chat_conversation c WHERE c.pair_low = $2 AND c.pair_high = $3
      UNION ALL SELECT 2, c.id, c.type, c.creator FROM chat_conversation c WHERE c.id = $1
    ) there ORDER BY there.place LIMIT 1`,
  row: `SELECT ${rowColumns("$3")} FROM chat_participation p ${ROW_SOURCES}
    WHERE p.user_id = $1 AND p.conversation = ${CONVERSATION("$2")}`,
  rows: `SELECT ${text("p.user_id")} AS "userId", ${rowColumns("$3")} FROM ${IDS("$1")}
    STRAIGHT_JOIN chat_participation p ON p.user_id = UNHEX(wanted.id) AND p.conversation = ${CONVERSATION("$2")}
    ${ROW_SOURCES}`,
  ownRow: `SELECT ${rowColumns("$2")} FROM ${NOBODY} p STRAIGHT_JOIN chat_conversation c ON c.id = $1 AND c.head > 0
    LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id`,
  list: `WITH ${FEED} SELECT ${FEED_COLUMNS}, own.* FROM feed LEFT JOIN (
      ${pageOfRows("p.left_at IS NULL AND c.activity < $3", "c.activity DESC")}
    ) own ON TRUE ORDER BY own.activity DESC`,
  listChanges: `WITH ${FEED} SELECT ${FEED_COLUMNS}, own.* FROM feed LEFT JOIN (
      ${pageOfRows(`${VIEW_CHANGE} > $3`, "moved")}
    ) own ON TRUE ORDER BY own.change`,
  participation: `SELECT c.type AS "type", p.left_at IS NULL AS "member", p.role AS "role",
      p.visible_from AS "visibleFrom", p.left_at AS "leftAt", c.membership_version AS "membershipVersion",
      c.member_count AS "memberCount", c.history AS "historyVisibility", c.head AS "head", c.ordinal AS "ordinal",
      c.first_id AS "firstId", c.last_redaction AS "lastRedaction",
      COALESCE((SELECT r.typing FROM chat_receipt r WHERE r.conversation = c.pk AND r.user_id = p.user_id),
        (SELECT u.typing FROM chat_user u WHERE u.id = p.user_id), 1) AS "typing",
      EXISTS (SELECT 1 FROM chat_block b WHERE b.user_id = p.user_id AND b.blocked = ${PEER}) AS "blocks",
      EXISTS (SELECT 1 FROM chat_block b WHERE b.user_id = ${PEER} AND b.blocked = p.user_id) AS "blockedBy", ${EARLIER}
    FROM ${OWN} WHERE p.user_id = $1 AND p.conversation = ${CONVERSATION("$2")}`,
  ownParticipation: `SELECT c.type AS "type", 1 AS "member", 'owner' AS "role", 1 AS "visibleFrom", NULL AS "leftAt",
      c.membership_version AS "membershipVersion", c.member_count AS "memberCount", c.history AS "historyVisibility",
      c.head AS "head", c.ordinal AS "ordinal", c.first_id AS "firstId", c.last_redaction AS "lastRedaction",
      1 AS "typing", 0 AS "blocks", 0 AS "blockedBy", NULL AS "earlier"
    FROM chat_conversation c WHERE c.id = $1 AND c.head > 0`,
  members: `SELECT ${text("p.user_id")} AS "userId", p.role AS "role", p.joined_at AS "joinedAt" FROM chat_participation p
    WHERE p.conversation = ${CONVERSATION("$1")} AND p.left_at IS NULL AND p.user_id > $2
    ORDER BY p.user_id LIMIT $3`,
  roles: `SELECT ${text("p.user_id")} AS "userId", p.role AS "role" FROM ${IDS("$1")}
    STRAIGHT_JOIN chat_participation p ON p.user_id = UNHEX(wanted.id) AND p.conversation = ${CONVERSATION("$2")}
    WHERE p.left_at IS NULL`,
  firstInLine: `SELECT ${text("p.user_id")} AS "userId" FROM chat_participation p
    WHERE p.conversation = ${CONVERSATION("$1")} AND p.left_at IS NULL AND NOT (${isIn("p.user_id", "$2")})
    ORDER BY CASE p.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, p.joined_at, p.user_id LIMIT 1`,
  memberOf: `SELECT ${text("c.id")} AS "conversationId", c.head AS "head", c.fingerprint AS "fingerprint", p.visible_from AS "from" FROM ${OWN}
    WHERE p.user_id = $1 AND p.left_at IS NULL AND c.id > $2 ORDER BY c.id LIMIT $3`,
  users: `SELECT ${USER_COLUMNS} FROM ${IDS("$1")} STRAIGHT_JOIN chat_user u ON u.id = UNHEX(wanted.id)
    WHERE u.version > 0`,
  claimUser: "INSERT INTO chat_user (id, version) VALUES ($1, 0) ON DUPLICATE KEY UPDATE id = id",
  lockUser: `SELECT ${USER_COLUMNS} FROM chat_user u WHERE u.id = $1 FOR UPDATE`,
  setUser: [
    "UPDATE chat_store SET last_change = last_change + 1 WHERE id = 1",
    `UPDATE chat_user SET version = $2, changed = (SELECT s.last_change FROM chat_store s WHERE s.id = 1), name = $3,
      avatar_url = $4, data = $5
    WHERE id = $1`,
  ],
  privacies: `SELECT ${PRIVACY_COLUMNS} FROM ${IDS("$1")} STRAIGHT_JOIN chat_user u ON u.id = UNHEX(wanted.id)
    WHERE u.privacy_version > 0`,
  lockPrivacy: `SELECT ${PRIVACY_COLUMNS} FROM chat_user u WHERE u.id = $1 FOR UPDATE`,
  setPrivacy: [
    "UPDATE chat_store SET last_change = last_change + 1 WHERE id = 1",
    `UPDATE chat_user SET privacy_version = $2, changed = (SELECT s.last_change FROM chat_store s WHERE s.id = 1),
      typing = $3, read_receipts = $4
    WHERE id = $1`,
  ],
  block: `INSERT IGNORE INTO chat_block (user_id, blocked) SELECT $1, UNHEX(wanted.id) FROM ${IDS("$2")}`,
  unblock: `DELETE b FROM ${IDS("$2")} STRAIGHT_JOIN chat_block b ON b.user_id = $1 AND b.blocked = UNHEX(wanted.id)`,
  blocks: `SELECT ${text("b.user_id")} AS "userId", ${text("b.blocked")} AS "blocked" FROM ${IDS("$2")}
      STRAIGHT_JOIN chat_block b ON b.user_id = $1 AND b.blocked = UNHEX(wanted.id)
    UNION ALL SELECT ${text("b.user_id")}, ${text("b.blocked")} FROM ${IDS("$2")}
      STRAIGHT_JOIN chat_block b ON b.user_id = UNHEX(wanted.id) AND b.blocked = $1`,
  position: `WITH ${FEED} SELECT ${FEED_COLUMNS} FROM feed`,
  changes: `WITH ${FEED} SELECT ${FEED_COLUMNS}, found.moved, ${text("found.id")} AS "id", found.head, found.fingerprint,
      found.membership_moved AS "membershipMoved", found.receipts_moved AS "receiptsMoved",
      found.redacted AS "redacted", found.pruned AS "pruned"
    FROM feed LEFT JOIN (
      SELECT * FROM (
        SELECT c.changed AS moved, c.id, c.head, c.fingerprint, c.membership_change > $2 AS membership_moved,
          c.receipts_change > $2 AS receipts_moved, c.redaction_change > $2 AS redacted,
          c.prune_change > $2 AS pruned
        FROM chat_conversation c WHERE c.changed > $2 ORDER BY c.changed LIMIT $3
      ) conversations
      UNION ALL
      SELECT * FROM (
        SELECT u.changed, u.id, NULL AS head, NULL AS fingerprint, NULL AS membership_moved, NULL AS receipts_moved, NULL AS redacted,
          NULL AS pruned
        FROM chat_user u WHERE u.changed > $2 ORDER BY u.changed LIMIT $3
      ) profiles
      ORDER BY moved LIMIT $3
    ) found ON TRUE ORDER BY found.moved`,

  receiptsOf: `SELECT r.conversation AS "conversation", ${text("r.user_id")} AS "userId", ${KEPT_RECEIPT_COLUMNS}
    FROM ${jsonTable("$rows", "named", { conversation: "int", user_id: "hex" })}
    STRAIGHT_JOIN chat_receipt r ON r.conversation = named.conversation AND r.user_id = UNHEX(named.user_id)`,
  receipts: `SELECT ${text("r.user_id")} AS "userId", r.delivered AS "delivered", COALESCE(r.shown_read, r.read_to) AS "read" FROM chat_receipt r
    WHERE r.conversation = ${CONVERSATION("$1")} AND r.user_id > $2 ORDER BY r.user_id LIMIT $3`,
  receiptChanges: `WITH ${FEED} SELECT ${FEED_COLUMNS}, moved.* FROM feed LEFT JOIN (
      SELECT ${text("r.user_id")} AS "userId", ${KEPT_RECEIPT_COLUMNS} FROM chat_receipt r
      WHERE r.conversation = ${CONVERSATION("$3")} AND r.changed > $2
    ) moved ON TRUE`,
  countReceipts: `SELECT COUNT(*) AS "members", CAST(COALESCE(SUM(r.delivered >= $2), 0) AS SIGNED) AS "delivered",
      CAST(COALESCE(SUM(COALESCE(r.shown_read, r.read_to) >= $2), 0) AS SIGNED) AS "read" FROM chat_receipt r
    WHERE r.conversation = ${CONVERSATION("$1")}`,
  // In one order, so that two of them never wait for each other.
  setLastActive: `INSERT INTO chat_presence (user_id, last_active_at)
    SELECT newest.user_id, newest.seen_at FROM (
      SELECT UNHEX(seen.user_id) AS user_id, MAX(seen.seen_at) AS seen_at
      FROM ${jsonTable("$rows", "seen", { user_id: "hex", seen_at: "int" })} GROUP BY seen.user_id ORDER BY seen.user_id
    ) newest
    ON DUPLICATE KEY UPDATE last_active_at = GREATEST(COALESCE(chat_presence.last_active_at, 0), newest.seen_at)`,
  setInvisible: `INSERT INTO chat_presence (user_id, invisible) VALUES ($1, $2) ON DUPLICATE KEY UPDATE invisible = $2`,
  presences: `SELECT ${text("s.user_id")} AS "userId", s.last_active_at AS "lastActiveAt", s.invisible AS "invisible"
    FROM ${IDS("$1")} STRAIGHT_JOIN chat_presence s ON s.user_id = UNHEX(wanted.id)`,
  acquaintances: `SELECT DISTINCT ${text("theirs.user_id")} AS "userId" FROM ${IDS("$2")}
    STRAIGHT_JOIN chat_participation theirs ON theirs.user_id = UNHEX(wanted.id) AND theirs.left_at IS NULL
    STRAIGHT_JOIN chat_participation own ON own.user_id = $1 AND own.conversation = theirs.conversation
      AND own.left_at IS NULL`,

  otherPushes: `SELECT ${text("s.device")} AS "device" FROM chat_push s WHERE s.user_id = $1 AND s.device <> $2 LIMIT $3`,
  subscribePush: `INSERT INTO chat_push (address, user_id, device, provider, target) VALUES ($1, $2, $3, $4, $5)
    ON DUPLICATE KEY UPDATE user_id = $2, device = $3, provider = $4, target = $5`,
  replacePush: "DELETE s FROM chat_push s WHERE s.user_id = $1 AND s.device = $2 AND s.address <> $3",
  unsubscribePush: `DELETE s FROM chat_push s
    WHERE s.user_id = $1 AND s.device = $2 AND ($3 IS NULL OR s.address = $3)`,
  forgetPushes: "DELETE s FROM chat_push s WHERE s.user_id = $1",
  pushes: `SELECT ${PUSH_COLUMNS} FROM chat_push s WHERE s.user_id = $1 ORDER BY s.address`,
  pushAudience: `SELECT ${PUSH_COLUMNS} FROM chat_participation p
    STRAIGHT_JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id AND r.delivered < $2
    STRAIGHT_JOIN chat_push s ON s.user_id = p.user_id
    WHERE p.conversation = ${CONVERSATION("$1")} AND p.left_at IS NULL
      AND p.user_id >= $3 AND (p.user_id > $3 OR s.address > $4) AND ($5 IS NULL OR p.user_id = $5)
    ORDER BY p.user_id, s.address LIMIT $6`,
  leadPush: `INSERT INTO chat_push_lead (id, owner, expires) SELECT 1, $1, ${NOW} + $2 FROM (SELECT 1 AS one) one
    ON DUPLICATE KEY UPDATE ${takenOver("chat_push_lead")}`,
  pushLead: `SELECT ${text("l.owner")} AS "owner", l.reached AS "reached" FROM chat_push_lead l WHERE l.id = 1`,
  advancePush: "UPDATE chat_push_lead SET reached = $2 WHERE id = 1 AND owner = $1",

  leadOutbox: `INSERT INTO chat_outbox_lead (id, owner, expires) SELECT 1, $1, ${NOW} + $2 FROM (SELECT 1 AS one) one
    ON DUPLICATE KEY UPDATE ${takenOver("chat_outbox_lead")}`,
  outboxLead: `SELECT ${text("l.owner")} AS "owner" FROM chat_outbox_lead l WHERE l.id = 1`,
  outboxQueued: `SELECT o.number AS "number", o.draft AS "draft" FROM chat_outbox o WHERE o.number > $2 AND o.refusal IS NULL
    ORDER BY o.number LIMIT $1`,
  outboxRemove: `DELETE o FROM ${jsonTable("$1", "wanted", { id: "int" }, true)}
    STRAIGHT_JOIN chat_outbox o FORCE INDEX (PRIMARY) ON o.number = wanted.id`,
  outboxRefuse: "UPDATE chat_outbox SET refusal = $2 WHERE number = $1",
  outboxAfter: `SELECT o.number AS "number", o.draft AS "draft" FROM chat_outbox o WHERE o.number > $1
    ORDER BY o.number LIMIT $2`,

  conversationsOf: `SELECT ${text("c.id")} AS "conversationId" FROM ${OWN} WHERE p.user_id = $1 AND c.id > $2
    ORDER BY c.id LIMIT $3`,
  beginErasure:
    "INSERT INTO chat_erasure (user_id, id) VALUES ($1, $2) ON DUPLICATE KEY UPDATE user_id = user_id",
  erasure: `SELECT ${text("erasing.id")} AS "erasureId" FROM chat_erasure erasing WHERE erasing.user_id = $1`,
  erasures: `SELECT ${text("erasing.user_id")} AS "userId", ${text("erasing.id")} AS "erasureId" FROM chat_erasure erasing`,
  endErasure: ["DELETE FROM chat_presence WHERE user_id = $1", "DELETE FROM chat_erasure WHERE user_id = $1"],
  candidates: `SELECT ${CANDIDATE} WHERE c.pk > $1 ORDER BY c.pk LIMIT $2`,
  ownCandidates: `SELECT ${CANDIDATE} WHERE c.retention_age IS NOT NULL AND c.pk > $1 ORDER BY c.pk LIMIT $2`,
  setRetention: [
    "UPDATE chat_conversation SET retention_age = $1, retention_count = $2 WHERE id = $3",
    `SELECT c.pk AS "key" FROM chat_conversation c WHERE c.id = $3`,
  ],
  oldest:
    "SELECT m.id, m.body FROM chat_message m WHERE m.conversation = $1 AND m.id >= $2 ORDER BY m.id LIMIT $3",
  prune: "DELETE FROM chat_message WHERE conversation = $1 AND id <= $2",
  moveMarks: `UPDATE chat_receipt SET unread_version = unread_version + 1, unread_from = $2, unread_ordinal = $3
    WHERE conversation = $1 AND unread_from < $2`,
  // Commits are taken while their entries fit; one at least. A commit's entries are looked up id by id: no join of MySQL's
  // goes by the bounds that another table says.
  log: `WITH RECURSIVE ${FEED},
    page AS (
      SELECT part.*, SUM(part.last_id - part.first_id + 1) OVER (ORDER BY part.changed) <= $3
        OR ROW_NUMBER() OVER (ORDER BY part.changed) = 1 AS fits
      FROM (SELECT * FROM chat_log l WHERE l.changed > $2 ORDER BY l.changed LIMIT $4) part
    ),
    longest AS (SELECT COALESCE(MAX(page.last_id - page.first_id), 0) AS steps FROM page WHERE page.fits),
    step AS (
      SELECT 0 AS n
      UNION ALL
      SELECT step.n + 1 FROM step CROSS JOIN longest WHERE step.n < longest.steps
    )
    SELECT ${FEED_COLUMNS}, logged.* FROM feed LEFT JOIN (
      SELECT page.changed AS moved, page.first_id AS "firstId", page.last_id AS "lastId", m.id, m.body,
        CASE WHEN page.fits THEN (
          SELECT ${text("c.id")} FROM chat_conversation c WHERE c.pk = page.conversation
        ) END AS "conversationId"
      FROM page
      STRAIGHT_JOIN step ON step.n = 0 OR (page.fits AND step.n <= page.last_id - page.first_id)
      LEFT JOIN chat_message m ON page.fits AND m.conversation = page.conversation AND m.id = page.first_id + step.n
      WHERE step.n = 0 OR m.id IS NOT NULL
    ) logged ON TRUE ORDER BY logged.moved, logged.id`,
  mark: `INSERT INTO chat_mark (conversation, owner, marked_at, due_at)
    SELECT c.pk, $1, ${NOW}, ${NOW} + $3
    FROM ${IDS("$2")} STRAIGHT_JOIN chat_conversation c FORCE INDEX (chat_conversation_id) ON c.id = UNHEX(wanted.id)
    ON DUPLICATE KEY UPDATE marked_at = ${NOW}, due_at = ${NOW} + $3`,
  unmark: `DELETE m
    FROM ${IDS("$2")} STRAIGHT_JOIN chat_conversation c FORCE INDEX (chat_conversation_id) ON c.id = UNHEX(wanted.id)
    STRAIGHT_JOIN chat_mark m FORCE INDEX (PRIMARY) ON m.conversation = c.pk AND m.owner = $1
    WHERE m.marked_at <= $3`,
  // What a subquery reads is not locked.
  dueMarks: `SELECT (SELECT ${text("c.id")} FROM chat_conversation c WHERE c.pk = m.conversation) AS "conversationId",
      ${text("m.owner")} AS "owner", m.marked_at AS "markedAt", ${NOW} - m.marked_at AS "age"
    FROM chat_mark m FORCE INDEX (chat_mark_due) WHERE m.due_at <= ${NOW} ORDER BY m.due_at LIMIT $1
    FOR UPDATE SKIP LOCKED`,
  deferMarks: `UPDATE ${jsonTable("$rows", "named", { id: "hex", owner: "hex" })}
    STRAIGHT_JOIN chat_conversation c FORCE INDEX (chat_conversation_id) ON c.id = UNHEX(named.id)
    STRAIGHT_JOIN chat_mark m FORCE INDEX (PRIMARY) ON m.conversation = c.pk AND m.owner = UNHEX(named.owner)
    SET m.due_at = ${NOW} + $3`,
};
