import type { SqlQuery } from "../sql/sql-query.js";

/** What each answer of the change feed begins with; `$1` is the boot of the cursor. */
export const FEED = `
  WITH feed AS MATERIALIZED (
    SELECT now.position,
      (SELECT id FROM chat_boot ORDER BY number DESC LIMIT 1) AS boot,
      (SELECT coalesce(
          (SELECT next.first_change FROM chat_boot next WHERE next.number > minted.number
            ORDER BY next.number LIMIT 1),
          now.position + 1)
        FROM chat_boot minted WHERE minted.id = $1) AS ends,
      extract(epoch FROM pg_postmaster_start_time())::text AS instance
    FROM (SELECT greatest(
      (SELECT max(change) FROM chat_conversation WHERE change > 0),
      (SELECT max(change) FROM chat_user WHERE change > 0), 0) AS position) now
  )`;

/**
 * The change number of one user's view. A former member's ended with the membership, but they hear of every redaction:
 * it may take away what they hold. `p` participation, `c` conversation.
 */
const VIEW_CHANGE =
  "CASE WHEN p.left_at IS NULL THEN greatest(c.view_change, p.change) ELSE greatest(p.change, c.redaction_change, c.prune_change) END";

/**
 * The columns of a raw row, from `p` (participation), `c` (conversation) and `r` (the user's receipt).
 * A member sees the latest message unless it lies outside the user's intervals; a former member sees what was there.
 * @param receiptMembers the parameter that says up to how many members the others' receipts are told
 */
function rowColumns(receiptMembers: string): string {
  return `
  ${VIEW_CHANGE} AS change,
  c.id AS "conversationId",
  c.type AS type,
  CASE WHEN p.left_at IS NULL THEN c.activity ELSE p.left_activity END AS activity,
  CASE WHEN p.left_at IS NULL THEN c.head ELSE p.left_at - 1 END AS head,
  CASE WHEN p.left_at IS NULL THEN c.fingerprint ELSE p.left_fingerprint END AS "headFingerprint",
  CASE WHEN p.left_at IS NULL THEN c.ordinal ELSE p.left_ordinal END AS "headOrdinal",
  CASE WHEN p.left_at IS NULL THEN c.member_count ELSE p.left_member_count END AS "memberCount",
  p.left_at IS NULL AS member,
  p.role AS role,
  p.joined_at AS "joinedAt",
  p.visible_from AS "visibleFrom",
  c.created_at AS "createdAt",
  CASE WHEN p.left_at IS NULL THEN c.name ELSE p.left_name END AS name,
  CASE WHEN p.left_at IS NULL THEN c.data ELSE p.left_data END AS data,
  CASE WHEN p.left_at IS NULL THEN c.history END AS history,
  CASE p.user_id WHEN c.pair_low THEN c.pair_high WHEN c.pair_high THEN c.pair_low END AS "peerId",
  CASE
    WHEN p.left_at IS NOT NULL THEN NULL
    WHEN c.latest_id >= p.visible_from OR (p.intervals > 1 AND EXISTS (
      SELECT FROM chat_interval earlier
      WHERE earlier.user_id = p.user_id AND earlier.conversation = p.conversation
        AND c.latest_id >= earlier.from_id AND c.latest_id < earlier.to_id
    )) THEN c.latest
  END AS latest,
  (SELECT body FROM chat_message WHERE conversation = p.conversation AND id = p.left_latest_id) AS "leftLatest",
  p.left_latest_id AS "leftLatestId",
  c.first_id AS "firstId",
  c.first_ordinal AS "firstOrdinal",
  c.last_redaction AS "lastRedaction",
  r.delivered AS delivered,
  r.read AS read,
  r.read_ordinal AS "readOrdinal",
  r.unread_version AS "unreadVersion",
  r.unread_from AS "unreadFrom",
  r.unread_ordinal AS "unreadOrdinal",
  r.mute_version AS "muteVersion",
  r.muted_until AS "mutedUntil",
  r.privacy_version AS "privacyVersion",
  r.typing AS typing,
  r.read_receipts AS "readReceipts",
  CASE WHEN p.left_at IS NULL AND c.member_count <= ${receiptMembers} THEN (
    SELECT coalesce(json_agg(json_build_array(user_id, delivered, coalesce(shown_read, read)) ORDER BY user_id), '[]')::text FROM chat_receipt
    WHERE conversation = c.key AND user_id IS DISTINCT FROM p.user_id
  ) END AS receipts`;
}

/** In place of a participation, where the application itself looks: an owner from the first entry on. */
const NOBODY = `(SELECT 'owner' AS role, 1::bigint AS joined_at, 1::bigint AS visible_from, 1 AS intervals,
  NULL::text AS user_id, NULL::bigint AS conversation, 0::bigint AS change, NULL::bigint AS left_at,
  NULL::bigint AS left_fingerprint, NULL::bigint AS left_ordinal, NULL::bigint AS left_activity,
  NULL::bigint AS left_member_count, NULL::bigint AS left_latest_id, NULL::text AS left_name,
  NULL::text AS left_data)`;

/** A participation's conversation beside it, and the receipt of its user, who has none any more as a former member. */
const ROW_SOURCES = `JOIN chat_conversation c ON c.key = p.conversation
  LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id`;

const RECEIPT_COLUMNS = `r.delivered, r.read, r.read_ordinal AS "readOrdinal", r.unread_version AS "unreadVersion",
  r.unread_from AS "unreadFrom", r.unread_ordinal AS "unreadOrdinal", r.mute_version AS "muteVersion",
  r.muted_until AS "mutedUntil", r.privacy_version AS "privacyVersion", r.typing, r.read_receipts AS "readReceipts",
  r.shown_read AS "shownRead",
  (SELECT u.read_receipts FROM chat_user u WHERE u.id = r.user_id) AS "userReadReceipts"`;

const PRIVACY_COLUMNS = `id AS "userId", privacy_version AS version, typing, read_receipts AS "readReceipts",
  (SELECT coalesce(json_agg(b.blocked), '[]')::text FROM chat_block b WHERE b.user_id = id) AS blocked`;

/** Of a direct conversation: one of the two has blocked the other. */
const IS_BLOCKED = `(EXISTS (SELECT FROM chat_block WHERE user_id = pair_low AND blocked = pair_high)
  OR EXISTS (SELECT FROM chat_block WHERE user_id = pair_high AND blocked = pair_low))`;

/** The other user of a direct conversation. */
const PEER = "CASE p.user_id WHEN c.pair_low THEN c.pair_high ELSE c.pair_low END";

const OWN = "chat_participation p JOIN chat_conversation c ON c.key = p.conversation";

const EARLIER = `CASE WHEN p.intervals > 1 THEN (
    SELECT json_agg(json_build_array(from_id, to_id))::text FROM chat_interval i
    WHERE i.user_id = p.user_id AND i.conversation = p.conversation
  ) END AS earlier`;

/** The page is chosen by keys and numbers alone; only its own rows are read whole. */
function pageOfRows(where: string, order: string): string {
  return `SELECT ${rowColumns("$5")} FROM (
      SELECT c.key, ${VIEW_CHANGE} AS moved FROM ${OWN} WHERE p.user_id = $2 AND ${where}
      ORDER BY ${order} LIMIT $4
    ) page
    JOIN chat_participation p ON p.user_id = $2 AND p.conversation = page.key ${ROW_SOURCES}`;
}

/** Entries between exclusive bounds; the sum of what lies before an entry of the page decides whether it still fits. */
function range(order: "ASC" | "DESC"): string {
  return `SELECT id, body FROM (
      SELECT id, body,
        sum(bytes) OVER (ORDER BY id ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM chat_message
      WHERE conversation = (SELECT key FROM chat_conversation WHERE id = $1) AND id > $2 AND id < $3
      ORDER BY id ${order} LIMIT $4
    ) page
    WHERE before IS NULL OR before <= $5 ORDER BY id`;
}

const PUSH_COLUMNS = 's.user_id AS "userId", s.device AS "deviceId", s.provider, s.address, s.target';

// PostgreSQL's own clock, so the servers' clocks need not agree.
const NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** The statements of the shared stores on PostgreSQL. The tests look at their plans. */
export const POSTGRES_QUERIES: Readonly<Record<SqlQuery, string>> = {
  // In the order of the keys, so that two transactions never wait for each other.
  lock: `SELECT key, id, head, fingerprint, ordinal, membership_version AS "membershipVersion",
      member_count AS "memberCount", last_redaction AS "lastRedaction", first_id AS "firstId",
      first_ordinal AS "firstOrdinal", activity,
      latest_id AS "latestId",
      ${IS_BLOCKED} AS "isBlocked",
      CASE WHEN id = ANY($2::text[]) THEN name END AS name,
      CASE WHEN id = ANY($2::text[]) THEN data END AS data, CASE WHEN id = ANY($2::text[]) THEN history END AS history,
      CASE WHEN id = ANY($2::text[]) THEN latest END AS "latestMessage"
    FROM chat_conversation WHERE id = ANY($1::text[]) ORDER BY key FOR NO KEY UPDATE`,
  findKeys: `SELECT d.place, k.message AS id, m.body
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
      WITH ORDINALITY AS d(conversation, sender, device, client_message, place)
    JOIN chat_key k ON k.conversation = d.conversation AND k.sender = d.sender
      AND k.device = decode(d.device, 'hex') AND k.client_message = decode(d.client_message, 'hex')
    LEFT JOIN chat_message m ON m.conversation = k.conversation AND m.id = k.message`,
  standings: `SELECT p.conversation, p.user_id AS "userId", p.joined_at AS "joinedAt",
      p.visible_from AS "visibleFrom", p.left_at AS "leftAt", p.role, p.intervals,
      p.left_latest_id AS "leftLatestId", ${EARLIER}
    FROM unnest($1::bigint[], $2::text[]) AS named(conversation, user_id)
    JOIN chat_participation p ON p.user_id = named.user_id AND p.conversation = named.conversation`,
  bodies: "SELECT id, body FROM chat_message WHERE conversation = $1 AND id = ANY($2::bigint[]) ORDER BY id",
  // By the idempotency keys, which name the author: no other index does.
  written: `SELECT message FROM chat_key WHERE conversation = $1 AND sender = $2 AND message > $3
    ORDER BY message LIMIT $4`,
  find: `SELECT k.message AS id, m.body, c.created_at AS "createdAt" FROM chat_conversation c
    JOIN chat_key k ON k.conversation = c.key AND k.sender = $2 AND k.device = $3 AND k.client_message = $4
    LEFT JOIN chat_message m ON m.conversation = c.key AND m.id = k.message
    WHERE c.id = $1`,
  ascending: range("ASC"),
  descending: range("DESC"),
  heads: `SELECT id, head, fingerprint, ordinal, membership_version AS "membershipVersion", first_id AS "firstId",
      last_redaction AS "lastRedaction",
      ${IS_BLOCKED} AS "isBlocked"
    FROM chat_conversation WHERE id = ANY($1::text[])`,

  reserve: `INSERT INTO chat_conversation (id, type, creator, pair_low, pair_high, name, data, created_at, history)
    SELECT $1::text, $2, $3, $4::text, $5::text, $6, $7, $8, $9
    WHERE NOT EXISTS (SELECT FROM chat_conversation WHERE id = $1)
      AND NOT EXISTS (SELECT FROM chat_conversation WHERE pair_low = $4 AND pair_high = $5)
    ON CONFLICT DO NOTHING RETURNING id`,
  reserved: `SELECT id AS "conversationId", type, creator AS "creatorId" FROM (
      SELECT 1 AS place, id, type, creator FROM chat_conversation WHERE pair_low = $2 AND pair_high = $3
      UNION ALL SELECT 2, id, type, creator FROM chat_conversation WHERE id = $1
    ) there ORDER BY place LIMIT 1`,
  row: `SELECT ${rowColumns("$3")} FROM chat_participation p ${ROW_SOURCES}
    WHERE p.user_id = $1 AND p.conversation = (SELECT key FROM chat_conversation WHERE id = $2)`,
  rows: `SELECT p.user_id AS "userId", ${rowColumns("$3")} FROM chat_participation p ${ROW_SOURCES}
    WHERE p.user_id = ANY($1::text[]) AND p.conversation = (SELECT key FROM chat_conversation WHERE id = $2)`,
  ownRow: `SELECT ${rowColumns("$2")} FROM ${NOBODY} p CROSS JOIN chat_conversation c
    LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id
    WHERE c.id = $1 AND c.head > 0`,
  list: `${FEED} SELECT feed.*, own.* FROM feed LEFT JOIN LATERAL (
      ${pageOfRows("p.left_at IS NULL AND c.activity < $3", "c.activity DESC")}
    ) own ON true ORDER BY own.activity DESC`,
  listChanges: `${FEED} SELECT feed.*, own.* FROM feed LEFT JOIN LATERAL (
      ${pageOfRows(`${VIEW_CHANGE} > $3`, "moved")}
    ) own ON true ORDER BY own.change`,
  participation: `SELECT c.type, p.left_at IS NULL AS member, p.role, p.visible_from AS "visibleFrom",
      p.left_at AS "leftAt", c.membership_version AS "membershipVersion", c.member_count AS "memberCount",
      c.history AS "historyVisibility", c.head, c.ordinal, c.first_id AS "firstId", c.last_redaction AS "lastRedaction",
      coalesce((SELECT r.typing FROM chat_receipt r WHERE r.conversation = c.key AND r.user_id = p.user_id),
        (SELECT u.typing FROM chat_user u WHERE u.id = p.user_id), 1) AS typing,
      EXISTS (SELECT FROM chat_block WHERE user_id = p.user_id AND blocked = ${PEER}) AS blocks,
      EXISTS (SELECT FROM chat_block WHERE user_id = ${PEER} AND blocked = p.user_id) AS "blockedBy", ${EARLIER}
    FROM ${OWN} WHERE p.user_id = $1 AND p.conversation = (SELECT key FROM chat_conversation WHERE id = $2)`,
  ownParticipation: `SELECT type, true AS member, 'owner' AS role, 1 AS "visibleFrom", NULL::bigint AS "leftAt",
      membership_version AS "membershipVersion", member_count AS "memberCount", history AS "historyVisibility", head,
      ordinal, first_id AS "firstId", last_redaction AS "lastRedaction", 1 AS typing, false AS blocks, false AS "blockedBy", NULL AS earlier
    FROM chat_conversation WHERE id = $1 AND head > 0`,
  members: `SELECT user_id AS "userId", role, joined_at AS "joinedAt" FROM chat_participation
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = $1) AND left_at IS NULL AND user_id > $2
    ORDER BY user_id LIMIT $3`,
  roles: `SELECT user_id AS "userId", role FROM chat_participation
    WHERE user_id = ANY($1::text[]) AND conversation = (SELECT key FROM chat_conversation WHERE id = $2)
      AND left_at IS NULL`,
  firstInLine: `SELECT user_id AS "userId" FROM chat_participation
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = $1) AND left_at IS NULL
      AND user_id <> ALL($2::text[])
    ORDER BY CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, joined_at, user_id LIMIT 1`,
  memberOf: `SELECT c.id AS "conversationId", c.head, c.fingerprint, p.visible_from AS "from" FROM ${OWN}
    WHERE p.user_id = $1 AND p.left_at IS NULL AND c.id > $2 ORDER BY c.id LIMIT $3`,
  users: `SELECT id AS "userId", version, name, avatar_url AS "avatarUrl", data FROM chat_user
    WHERE id = ANY($1::text[]) AND version > 0`,
  claimUser: "INSERT INTO chat_user (id, version, change) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING",
  lockUser: `SELECT id AS "userId", version, name, avatar_url AS "avatarUrl", data FROM chat_user
    WHERE id = $1 FOR NO KEY UPDATE`,
  setUser: `WITH last AS MATERIALIZED (SELECT FROM chat_store FOR NO KEY UPDATE)
    UPDATE chat_user SET version = $2, change = (SELECT nextval('chat_change') FROM last),
      name = $3, avatar_url = $4, data = $5
    WHERE id = $1`,
  privacies: `SELECT ${PRIVACY_COLUMNS} FROM chat_user WHERE id = ANY($1::text[]) AND privacy_version > 0`,
  lockPrivacy: `SELECT ${PRIVACY_COLUMNS} FROM chat_user WHERE id = $1 FOR NO KEY UPDATE`,
  setPrivacy: `WITH last AS MATERIALIZED (SELECT FROM chat_store FOR NO KEY UPDATE)
    UPDATE chat_user SET privacy_version = $2, change = (SELECT nextval('chat_change') FROM last),
      typing = $3, read_receipts = $4
    WHERE id = $1`,
  block: `INSERT INTO chat_block (user_id, blocked) SELECT $1, blocked FROM unnest($2::text[]) AS named(blocked)
    ON CONFLICT DO NOTHING`,
  unblock: "DELETE FROM chat_block WHERE user_id = $1 AND blocked = ANY($2::text[])",
  blocks: `SELECT user_id AS "userId", blocked FROM chat_block WHERE user_id = $1 AND blocked = ANY($2::text[])
    UNION ALL SELECT user_id, blocked FROM chat_block WHERE user_id = ANY($2::text[]) AND blocked = $1`,
  position: `${FEED} SELECT * FROM feed`,
  changes: `${FEED} SELECT feed.*, all_changes.* FROM feed LEFT JOIN LATERAL (
      (SELECT change AS moved, id, head, fingerprint, membership_change > $2 AS "membershipMoved",
          receipts_change > $2 AS "receiptsMoved", redaction_change > $2 AS "redacted", prune_change > $2 AS "pruned"
        FROM chat_conversation WHERE change > $2 AND change > 0 ORDER BY change LIMIT $3)
      UNION ALL
      (SELECT change, id, NULL, NULL, NULL, NULL, NULL, NULL FROM chat_user WHERE change > $2 AND change > 0 ORDER BY change LIMIT $3)
      ORDER BY moved LIMIT $3
    ) all_changes ON true ORDER BY moved`,

  receiptsOf: `SELECT r.conversation, r.user_id AS "userId", ${RECEIPT_COLUMNS}
    FROM unnest($1::bigint[], $2::text[]) AS named(conversation, user_id)
    JOIN chat_receipt r ON r.conversation = named.conversation AND r.user_id = named.user_id`,
  receipts: `SELECT user_id AS "userId", delivered, coalesce(shown_read, read) AS read FROM chat_receipt
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = $1) AND user_id > $2 ORDER BY user_id LIMIT $3`,
  receiptChanges: `${FEED} SELECT feed.*, moved.* FROM feed LEFT JOIN LATERAL (
      SELECT r.user_id AS "userId", ${RECEIPT_COLUMNS} FROM chat_receipt r
      WHERE r.conversation = (SELECT key FROM chat_conversation WHERE id = $3) AND r.change > $2
    ) moved ON true`,
  countReceipts: `SELECT count(*) AS members, count(*) FILTER (WHERE delivered >= $2) AS delivered,
      count(*) FILTER (WHERE coalesce(shown_read, read) >= $2) AS read FROM chat_receipt
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = $1)`,
  // In one order, so that two of them never wait for each other.
  setLastActive: `INSERT INTO chat_presence (user_id, last_active_at)
    SELECT user_id, max(at) FROM unnest($1::text[], $2::bigint[]) AS seen(user_id, at) GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE
      SET last_active_at = greatest(chat_presence.last_active_at, excluded.last_active_at)`,
  setInvisible: `INSERT INTO chat_presence (user_id, invisible) VALUES ($1, $2::integer <> 0)
    ON CONFLICT (user_id) DO UPDATE SET invisible = excluded.invisible`,
  presences: `SELECT user_id AS "userId", last_active_at AS "lastActiveAt", invisible FROM chat_presence
    WHERE user_id = ANY($1::text[])`,
  acquaintances: `SELECT DISTINCT wanted.user_id AS "userId" FROM unnest($2::text[]) AS wanted(user_id)
    WHERE EXISTS (
      SELECT FROM chat_participation theirs
      JOIN chat_participation own ON own.user_id = $1 AND own.conversation = theirs.conversation
      WHERE theirs.user_id = wanted.user_id AND theirs.left_at IS NULL AND own.left_at IS NULL
    )`,

  otherPushes: "SELECT device FROM chat_push WHERE user_id = $1 AND device <> $2 LIMIT $3",
  subscribePush: `INSERT INTO chat_push (address, user_id, device, provider, target) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (address) DO UPDATE SET user_id = excluded.user_id, device = excluded.device,
      provider = excluded.provider, target = excluded.target`,
  replacePush: "DELETE FROM chat_push WHERE user_id = $1 AND device = $2 AND address <> $3",
  unsubscribePush: `DELETE FROM chat_push
    WHERE user_id = $1 AND device = $2 AND ($3::text IS NULL OR address = $3::text)`,
  forgetPushes: "DELETE FROM chat_push WHERE user_id = $1",
  pushes: `SELECT ${PUSH_COLUMNS} FROM chat_push s WHERE s.user_id = $1 ORDER BY s.address`,
  pushAudience: `SELECT ${PUSH_COLUMNS} FROM chat_participation p
    JOIN chat_push s ON s.user_id = p.user_id
    JOIN chat_receipt r ON r.conversation = p.conversation AND r.user_id = p.user_id
    WHERE p.conversation = (SELECT key FROM chat_conversation WHERE id = $1) AND p.left_at IS NULL
      AND r.delivered < $2 AND p.user_id >= $3 AND (s.user_id, s.address) > ($3, $4)
      AND ($5::text IS NULL OR p.user_id = $5::text)
    ORDER BY s.user_id, s.address LIMIT $6`,
  leadPush: `INSERT INTO chat_push_lead AS lead (id, owner, expires) VALUES (1, $1, ${NOW} + $2::bigint)
    ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
      WHERE lead.owner = excluded.owner OR lead.expires <= ${NOW}`,
  pushLead: "SELECT owner, reached FROM chat_push_lead WHERE id = 1",
  advancePush: "UPDATE chat_push_lead SET reached = $2 WHERE id = 1 AND owner = $1",

  leadOutbox: `INSERT INTO chat_outbox_lead AS lead (id, owner, expires) VALUES (1, $1, ${NOW} + $2::bigint)
    ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
      WHERE lead.owner = excluded.owner OR lead.expires <= ${NOW}`,
  outboxLead: "SELECT owner FROM chat_outbox_lead WHERE id = 1",
  outboxQueued:
    "SELECT number, draft FROM chat_outbox WHERE number > $2 AND refusal IS NULL ORDER BY number LIMIT $1",
  outboxRemove: "DELETE FROM chat_outbox WHERE number = ANY($1::bigint[])",
  outboxRefuse: "UPDATE chat_outbox SET refusal = $2 WHERE number = $1",
  outboxAfter: "SELECT number, draft FROM chat_outbox WHERE number > $1 ORDER BY number LIMIT $2",

  conversationsOf: `SELECT c.id AS "conversationId" FROM ${OWN} WHERE p.user_id = $1 AND c.id > $2
    ORDER BY c.id LIMIT $3`,
  beginErasure: "INSERT INTO chat_erasure (user_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
  erasure: `SELECT id AS "erasureId" FROM chat_erasure WHERE user_id = $1`,
  erasures: `SELECT user_id AS "userId", id AS "erasureId" FROM chat_erasure`,
  endErasure: `WITH presence AS (DELETE FROM chat_presence WHERE user_id = $1)
    DELETE FROM chat_erasure WHERE user_id = $1`,
  candidates: `SELECT key, id, head, first_id AS "firstId", retention_age AS age, retention_count AS count
    FROM chat_conversation WHERE key > $1 ORDER BY key LIMIT $2`,
  ownCandidates: `SELECT key, id, head, first_id AS "firstId", retention_age AS age, retention_count AS count
    FROM chat_conversation WHERE retention_age IS NOT NULL AND key > $1 ORDER BY key LIMIT $2`,
  setRetention:
    "UPDATE chat_conversation SET retention_age = $1, retention_count = $2 WHERE id = $3 RETURNING key",
  oldest: "SELECT id, body FROM chat_message WHERE conversation = $1 AND id >= $2 ORDER BY id LIMIT $3",
  prune: "DELETE FROM chat_message WHERE conversation = $1 AND id <= $2",
  moveMarks: `UPDATE chat_receipt SET unread_version = unread_version + 1, unread_from = $2, unread_ordinal = $3
    WHERE conversation = $1 AND unread_from < $2`,
  // Commits are taken while their entries fit; one at least. OFFSET 0 has the entries looked up commit by commit.
  log: `${FEED} SELECT feed.*, logged.* FROM feed LEFT JOIN LATERAL (
      SELECT page.change AS moved, page.first_id AS "firstId", page.last_id AS "lastId", m.id, m.body,
        CASE WHEN fits THEN (SELECT id FROM chat_conversation WHERE key = page.conversation) END AS "conversationId"
      FROM (
        SELECT *, sum(last_id - first_id + 1) OVER (ORDER BY change) <= $3
          OR row_number() OVER (ORDER BY change) = 1 AS fits
        FROM (SELECT * FROM chat_log WHERE change > $2 ORDER BY change LIMIT $4) read
      ) page
      LEFT JOIN LATERAL (
        SELECT id, body FROM chat_message
        WHERE fits AND conversation = page.conversation AND id BETWEEN page.first_id AND page.last_id
        OFFSET 0
      ) m ON true
    ) logged ON true ORDER BY moved, logged.id`,
  // In the order of the keys, so that two of them never wait for each other.
  mark: `INSERT INTO chat_mark (conversation, owner, marked_at, due_at)
    SELECT key, $1, ${NOW}, ${NOW} + $3 FROM chat_conversation WHERE id = ANY($2::text[]) ORDER BY key
    ON CONFLICT (conversation, owner) DO UPDATE SET marked_at = excluded.marked_at, due_at = excluded.due_at`,
  unmark: `DELETE FROM chat_mark m USING chat_conversation c
    WHERE c.id = ANY($2::text[]) AND m.conversation = c.key AND m.owner = $1 AND m.marked_at <= $3`,
  dueMarks: `SELECT c.id AS "conversationId", m.owner, m.marked_at AS "markedAt", ${NOW} - m.marked_at AS age
    FROM chat_mark m JOIN chat_conversation c ON c.key = m.conversation
    WHERE m.due_at <= ${NOW} ORDER BY m.due_at LIMIT $1 FOR UPDATE OF m SKIP LOCKED`,
  deferMarks: `UPDATE chat_mark m SET due_at = ${NOW} + $3
    FROM unnest($1::text[], $2::text[]) AS named(id, owner) JOIN chat_conversation c ON c.id = named.id
    WHERE m.conversation = c.key AND m.owner = named.owner`,
};
