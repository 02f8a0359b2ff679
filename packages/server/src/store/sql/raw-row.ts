import {
  type ConversationRow,
  type ConversationType,
  type HistoryVisibility,
  type JsonObject,
  LIMITS,
  type MemberReceipt,
  type Receipt,
  type Role,
  utf8Length,
} from "@chat/protocol";
import { type RawReceipt, toReceipt } from "./raw-receipt.js";
import { decodeBody } from "../entry-body.js";
import { decodeLatest, latestOf } from "./latest-message.js";

/** A conversation row as a database gives it. */
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
  /** Some databases have no truth values. */
  readonly member: number | boolean;
  readonly role: Role;
  readonly joinedAt: number;
  readonly visibleFrom: number;
  readonly createdAt: number;
  readonly name: string | null;
  readonly data: string | null;
  readonly history: HistoryVisibility | null;
  readonly peerId: string | null;
  readonly latest: Uint8Array | null;
  /** The body of the latest message that the user could see when they last left. */
  readonly leftLatest: Uint8Array | null;
  readonly leftLatestId: number | null;
  readonly firstId: number;
  /** The ordinal of the last entry that is deleted; 0 if none is. */
  readonly firstOrdinal: number;
  readonly lastRedaction: number;
  /** The user's own receipt; null of a former member. */
  readonly delivered: number | null;
  readonly read: number | null;
  readonly readOrdinal: number | null;
  readonly unreadVersion: number | null;
  readonly unreadFrom: number | null;
  readonly unreadOrdinal: number | null;
  readonly muteVersion: number | null;
  readonly mutedUntil: number | null;
  readonly privacyVersion: number | null;
  readonly typing: number | boolean | null;
  readonly readReceipts: number | boolean | null;
  /** Those of the others who are told of, as JSON: an array of user id, delivered and read for each; null where nobody is. */
  readonly receipts: string | null;
}

/** A row as users of the store see it. */
export function toRow(raw: RawRow): ConversationRow {
  const { head, headOrdinal } = raw;
  // Nothing of a former membership is unread.
  const gone: Receipt = { delivered: head, read: head, readOrdinal: headOrdinal };
  const { unread, mute, privacy, ...watermarks } =
    raw.delivered === null ? gone : toReceipt(raw as RawReceipt);
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
    member: Boolean(raw.member),
    role: raw.role,
    joinedAt: raw.joinedAt,
    visibleFrom: raw.visibleFrom,
    createdAt: raw.createdAt,
    ...watermarks,
    // What is deleted is unread no more.
    readOrdinal: Math.min(headOrdinal, Math.max(watermarks.readOrdinal, raw.firstOrdinal)),
    ...(raw.name !== null && { name: raw.name }),
    ...(raw.data !== null && { data: JSON.parse(raw.data) as JsonObject }),
    ...(raw.peerId !== null && { peerId: raw.peerId }),
    ...latestIn(raw),
    ...(raw.history === "all" && { historyVisibility: raw.history }),
    ...(raw.lastRedaction > 0 && { lastRedaction: raw.lastRedaction }),
    ...(unread !== undefined && { unread }),
    ...(raw.receipts !== null && { receipts: receiptsIn(raw.receipts) }),
    ...(mute !== undefined && { mute }),
    ...(privacy !== undefined && { privacy }),
  };
}

/** The latest message of all that is theirs to see, or what they saw when they last left. */
function latestIn({
  conversationId,
  latest,
  leftLatest,
  leftLatestId,
}: RawRow): Pick<ConversationRow, "latest"> {
  if (latest !== null) return { latest: decodeLatest(latest) };
  if (leftLatest === null) return {};
  return { latest: latestOf(decodeBody(conversationId, leftLatestId!, leftLatest)) };
}

function receiptsIn(json: string): readonly MemberReceipt[] {
  const receipts = JSON.parse(json) as readonly [string, number, number][];
  return (
    receipts
      .map(([userId, delivered, read]) => ({ userId, delivered, read }))
      // Not every server's aggregates keep an order.
      .sort((left, right) => (left.userId < right.userId ? -1 : 1))
  );
}

/** What a row's numbers take on the wire, at the most. */
const NUMBERS_BYTES = 210;

/** Of a message's body a row takes the snippet at most, of four bytes a character, and whose and when it is. */
const LATEST_BYTES = 4 * LIMITS.snippetCharacters + 2 * LIMITS.idBytes + 32;

function bytesOf({ conversationId, name, data, peerId, receipts, latest, leftLatest }: RawRow): number {
  // A receipt is longer as JSON than on the wire.
  const texts = [conversationId, name, data, peerId, receipts].reduce(
    (sum, text) => sum + utf8Length(text ?? ""),
    0,
  );
  return NUMBERS_BYTES + texts + (latest?.length ?? Math.min(leftLatest?.length ?? 0, LATEST_BYTES));
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
