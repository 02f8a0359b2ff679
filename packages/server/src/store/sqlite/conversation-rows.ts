import {
  type ConversationRow,
  type ConversationType,
  type HistoryVisibility,
  type JsonObject,
  LIMITS,
  type Role,
  utf8Length,
} from "@chat/protocol";
import { decodeLatest } from "./latest-message.js";

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
}

/** The change number of one user's view: of a former member's, when it ended. `p` participation, `c` conversation. */
export const VIEW_CHANGE = "CASE WHEN p.left_at IS NULL THEN c.change ELSE p.change END";

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
    WHEN p.left_at IS NOT NULL THEN p.left_latest
    WHEN c.latest_id >= p.visible_from OR (p.intervals > 1 AND EXISTS (
      SELECT 1 FROM chat_interval earlier
      WHERE earlier.user = p.user AND earlier.conversation = p.conversation
        AND c.latest_id >= earlier.from_id AND c.latest_id < earlier.to_id
    )) THEN c.latest
  END AS latest`;

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
    firstId: 1,
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
    ...(raw.history === "all" && { historyVisibility: raw.history }),
  };
}

/** What a row's numbers take on the wire, at the most. */
const NUMBERS_BYTES = 96;

function bytesOf({ conversationId, name, data, peerId, latest }: RawRow): number {
  const texts = [conversationId, name, data, peerId].reduce((sum, text) => sum + utf8Length(text ?? ""), 0);
  return NUMBERS_BYTES + texts + (latest?.length ?? 0);
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
