/**
 * The change number of one user's view. A former member's ended with the membership, but they hear of every redaction
 * and of what retention deletes: it may take away what they hold. `p` participation, `c` conversation.
 */
export const VIEW_CHANGE =
  "CASE WHEN p.left_at IS NULL THEN MAX(c.view_change, p.change) ELSE MAX(p.change, c.redaction_change, c.prune_change) END";

/** A participation's conversation beside it, and the receipt of its user, who has none any more as a former member. */
export const ROW_SOURCES = `CROSS JOIN chat_conversation c ON c.key = p.conversation
  LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user = p.user`;

/**
 * The columns of a raw row, from `p` (participation), `c` (conversation) and `r` (receipt). Its one parameter is the
 * number of members up to which the others' receipts are told.
 * A member sees the latest message unless it lies outside the user's intervals; then, and as a former member, the latest that they saw when
 * they last left.
 */
export const ROW_COLUMNS = `
  ${VIEW_CHANGE} AS change,
  c.id AS conversationId,
  c.type AS type,
  CASE WHEN p.left_at IS NULL THEN c.activity ELSE p.left_activity END AS activity,
  CASE WHEN p.left_at IS NULL THEN c.head ELSE p.left_at - 1 END AS head,
  CASE WHEN p.left_at IS NULL THEN c.fingerprint ELSE p.left_fingerprint END AS headFingerprint,
  CASE WHEN p.left_at IS NULL THEN c.ordinal ELSE p.left_ordinal END AS headOrdinal,
  CASE WHEN p.left_at IS NULL THEN c.member_count ELSE p.left_member_count END AS memberCount,
  p.left_at IS NULL AS member,
  p.role AS role,
  p.joined_at AS joinedAt,
  p.visible_from AS visibleFrom,
  c.created_at AS createdAt,
  CASE WHEN p.left_at IS NULL THEN c.name ELSE p.left_name END AS name,
  CASE WHEN p.left_at IS NULL THEN c.data ELSE p.left_data END AS data,
  CASE WHEN p.left_at IS NULL THEN c.history END AS history,
  CASE p.user WHEN c.pair_low THEN c.pair_high WHEN c.pair_high THEN c.pair_low END AS peerId,
  CASE
    WHEN p.left_at IS NOT NULL THEN NULL
    WHEN c.latest_id >= p.visible_from OR (p.intervals > 1 AND EXISTS (
      SELECT 1 FROM chat_interval earlier
      WHERE earlier.user = p.user AND earlier.conversation = p.conversation
        AND c.latest_id >= earlier.from_id AND c.latest_id < earlier.to_id
    )) THEN c.latest
  END AS latest,
  (SELECT body FROM chat_message WHERE conversation = p.conversation AND id = p.left_latest_id) AS leftLatest,
  p.left_latest_id AS leftLatestId,
  c.first_id AS firstId,
  c.first_ordinal AS firstOrdinal,
  c.last_redaction AS lastRedaction,
  r.delivered AS delivered,
  r.read AS read,
  r.read_ordinal AS readOrdinal,
  r.unread_version AS unreadVersion,
  r.unread_from AS unreadFrom,
  r.unread_ordinal AS unreadOrdinal,
  r.mute_version AS muteVersion,
  r.muted_until AS mutedUntil,
  r.privacy_version AS privacyVersion,
  r.typing AS typing,
  r.read_receipts AS readReceipts,
  CASE WHEN p.left_at IS NULL AND c.member_count <= ? THEN (
    SELECT json_group_array(json_array(user, delivered, coalesce(shown_read, read))) FROM chat_receipt
    WHERE conversation = c.key AND user IS NOT p.user
  ) END AS receipts`;
