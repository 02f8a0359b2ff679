import {
  type ConversationRow,
  type ConversationType,
  type HistoryVisibility,
  type JsonObject,
  LIMITS,
  type Role,
  utf8Length,
} from "@chat/protocol";
import { decodeBody } from "./entry-body.js";
import { decodeLatest, latestOf } from "./latest-message.js";

/** A conversation row as SQLite gives it. */
export interface RawRow {
  /** The change number that this user's view of the conversation has. */
  readonly change: number;
  readonly conversationId: string;
  readonly type: ConversationType;
  readonly activity: number;
  readonly head: number;
  readonly headFingerprint: number;
  readonly headOrdinal: number;
  readonly memberCount: number;
  readonly member: number;
  readonly role: Role;
  readonly joinedAt: number;
  readonly visibleFrom: number;
  readonly createdAt: number;
  readonly name: string | null;
  readonly data: string | null;
  readonly history: HistoryVisibility | null;
  readonly peerId: string | null;
  readonly latest: Uint8Array | null;
  /** The body of the message that was the latest when a former member left. */
  readonly leftLatest: Uint8Array | null;
  readonly leftLatestId: number | null;
  readonly firstId: number;
  readonly lastRedaction: number;
}

/**
 * The change number of one user's view. A former member's ended with the membership, but they hear of every redaction:
 * it may take away what they hold. `p` participation, `c` conversation.
 */
export const VIEW_CHANGE =
  "CASE WHEN p.left_at IS NULL THEN c.change ELSE MAX(p.change, c.redaction_change) END";

/**
 * The columns of {@link RawRow}, from `p` (participation) and `c` (conversation).
 * A member sees the latest message unless it lies outside the user's intervals; a former member sees what was there.
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
  CASE WHEN p.left_at IS NOT NULL THEN (
    SELECT body FROM chat_message WHERE conversation = p.conversation AND id = p.left_latest_id
  ) END AS leftLatest,
  p.left_latest_id AS leftLatestId,
  c.first_id AS firstId,
  c.last_redaction AS lastRedaction`;

/** A row as users of the store see it. */
export function toRow(raw: RawRow): ConversationRow {
  return {
    conversationId: raw.conversationId,
    type: raw.type,
    version: raw.change,
    activity: raw.activity,
    head: raw.head,
    headFingerprint: raw.headFingerprint,
    headOrdinal: raw.headOrdinal,
    firstId: raw.firstId,
    memberCount: raw.memberCount,
    member: raw.member === 1,
    role: raw.role,
    joinedAt: raw.joinedAt,
    visibleFrom: raw.visibleFrom,
    createdAt: raw.createdAt,
    ...(raw.name !== null && { name: raw.name }),
    ...(raw.data !== null && { data: JSON.parse(raw.data) as JsonObject }),
    ...(raw.peerId !== null && { peerId: raw.peerId }),
    ...(raw.latest !== null && { latest: decodeLatest(raw.latest) }),
    ...(raw.leftLatest !== null && {
      latest: latestOf(decodeBody(raw.conversationId, raw.leftLatestId!, raw.leftLatest)),
    }),
    ...(raw.history === "all" && { historyVisibility: raw.history }),
    ...(raw.lastRedaction > 0 && { lastRedaction: raw.lastRedaction }),
  };
}

/** What a row's numbers take on the wire, at the most. */
const NUMBERS_BYTES = 123;

/** Of a message's body a row takes the snippet at most, of four bytes a character, and whose and when it is. */
const LATEST_BYTES = 4 * LIMITS.snippetCharacters + 2 * LIMITS.idBytes + 32;

function bytesOf({ conversationId, name, data, peerId, latest, leftLatest }: RawRow): number {
  const texts = [conversationId, name, data, peerId].reduce((sum, text) => sum + utf8Length(text ?? ""), 0);
  return NUMBERS_BYTES + texts + (latest?.length ?? 0) + Math.min(leftLatest?.length ?? 0, LATEST_BYTES);
}

/** The rows that a page takes: at the most `limit`, and no more bytes than a page may have; at least one. */
export function takePage(
  rows: Iterable<unknown>,
  limit: number,
): { readonly taken: RawRow[]; readonly more: boolean } {
  const taken: RawRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const raw = row as RawRow;
    bytes += bytesOf(raw);
    if (taken.length === limit || (taken.length > 0 && bytes > LIMITS.pageBytes))
      return { taken, more: true };
    taken.push(raw);
  }
  return { taken, more: false };
}
