import type { BatchWrites, LeftState, MovedParticipation } from "../sql/batch-writes.js";
import { type JsonCell, jsonOf, jsonTable } from "./json-rows.js";

/** Runs one statement; resolves to the number that it has given out. */
type Run = (text: string, values: (string | number)[]) => Promise<number>;

/** Bodies of one statement, in characters of its list; one body may have more. */
const BODIES_PER_STATEMENT = 8_388_608;

const IN = { conversation: "int", user_id: "hex" } as const;

/** Whatever the plan may cost: a scan of a small table would wait for rows of other conversations. */
const BY_KEY = "FORCE INDEX (PRIMARY)";

const textOf = (column: string): string => `CONVERT(UNHEX(${column}) USING utf8mb4)`;

/** The statements that write, by what they write. The tests look at their plans. */
export const MYSQL_WRITES = {
  messages: `INSERT INTO chat_message (conversation, id, bytes, body)
    SELECT added.conversation, added.id, added.bytes, UNHEX(added.body)
    FROM ${jsonTable("$1", "added", { conversation: "int", id: "int", bytes: "int", body: "long" })}`,
  keys: `INSERT INTO chat_key (conversation, message, sender, device, client_message)
    SELECT added.conversation, added.message, UNHEX(added.sender), UNHEX(added.device), UNHEX(added.client_message)
    FROM ${jsonTable("$1", "added", { conversation: "int", message: "int", sender: "hex", device: "hex", client_message: "hex" })}`,
  senders: `UPDATE ${jsonTable("$1", "sent", { ...IN, message: "int", ordinal: "int" })}
    STRAIGHT_JOIN chat_receipt r ${BY_KEY} ON r.conversation = sent.conversation AND r.user_id = UNHEX(sent.user_id)
    SET r.delivered = sent.message, r.read_to = sent.message, r.read_ordinal = sent.ordinal,
      r.unread_version = r.unread_version + (r.unread_from IS NOT NULL), r.unread_from = NULL, r.unread_ordinal = NULL,
      r.shown_read = NULL`,
  tombstones: `UPDATE ${jsonTable("$1", "wiped", { conversation: "int", id: "int", body: "long" })}
    STRAIGHT_JOIN chat_message m ${BY_KEY} ON m.conversation = wiped.conversation AND m.id = wiped.id
    SET m.bytes = 0, m.body = UNHEX(wiped.body)`,
  infos: `UPDATE ${jsonTable("$1", "moved", { pk: "int", name: "long", data: "long", history: "hex" })}
    STRAIGHT_JOIN chat_conversation c ${BY_KEY} ON c.pk = moved.pk
    SET c.name = ${textOf("moved.name")}, c.data = ${textOf("moved.data")}, c.history = UNHEX(moved.history)`,
  // From here to the commit nobody else gets a change number: the order of the numbers is that of the commits.
  numbers: "UPDATE chat_store SET last_change = LAST_INSERT_ID(last_change + $1) WHERE id = 1",
  log: `INSERT INTO chat_log (changed, conversation, first_id, last_id)
    SELECT added.changed, added.conversation, added.first_id, added.last_id
    FROM ${jsonTable("$1", "added", { changed: "int", conversation: "int", first_id: "int", last_id: "int" })}`,
  conversations: `UPDATE ${jsonTable("$1", "moved", {
    ...{
      pk: "int",
      changed: "int",
      head: "int",
      fingerprint: "int",
      ordinal: "int",
      membership_version: "int",
    },
    ...{ member_count: "int", last_redaction: "int", first_id: "int", latest_id: "int", is_active: "int" },
    ...{
      view_moved: "int",
      members_moved: "int",
      receipts_moved: "int",
      is_redacted: "int",
      latest_moved: "int",
    },
    ...{ first_ordinal: "int", is_pruned: "int", latest: "long" },
  } as const)}
    STRAIGHT_JOIN chat_conversation c ${BY_KEY} ON c.pk = moved.pk
    SET c.changed = moved.changed, c.head = moved.head, c.fingerprint = moved.fingerprint, c.ordinal = moved.ordinal,
      c.membership_version = moved.membership_version, c.member_count = moved.member_count,
      c.last_redaction = moved.last_redaction, c.first_id = moved.first_id, c.latest_id = moved.latest_id,
      c.first_ordinal = moved.first_ordinal,
      c.activity = CASE WHEN moved.is_active THEN moved.changed ELSE c.activity END,
      c.view_change = CASE WHEN moved.view_moved THEN moved.changed ELSE c.view_change END,
      c.membership_change = CASE WHEN moved.members_moved THEN moved.changed ELSE c.membership_change END,
      c.receipts_change = CASE WHEN moved.receipts_moved THEN moved.changed ELSE c.receipts_change END,
      c.redaction_change = CASE WHEN moved.is_redacted THEN moved.changed ELSE c.redaction_change END,
      c.prune_change = CASE WHEN moved.is_pruned THEN moved.changed ELSE c.prune_change END,
      c.latest = CASE WHEN moved.latest_moved THEN UNHEX(moved.latest) ELSE c.latest END`,
  participations: `INSERT INTO chat_participation (conversation, user_id, joined_at, visible_from, role, intervals,
      left_latest_id, changed, left_at, left_fingerprint, left_ordinal, left_activity, left_member_count, left_name,
      left_data)
    SELECT * FROM (
      SELECT j.conversation, UNHEX(j.user_id) AS user_id, j.joined_at, j.visible_from, ${textOf("j.role")} AS role,
        j.intervals, j.left_latest_id, j.changed, j.left_at, j.left_fingerprint, j.left_ordinal, j.left_activity,
        j.left_member_count, ${textOf("j.left_name")} AS left_name, ${textOf("j.left_data")} AS left_data
      FROM ${jsonTable("$1", "j", {
        ...{ ...IN, joined_at: "int", visible_from: "int", role: "hex", intervals: "int" },
        ...{ left_latest_id: "int", changed: "int", left_at: "int", left_fingerprint: "int" },
        ...{ left_ordinal: "int", left_activity: "int", left_member_count: "int" },
        ...{ left_name: "long", left_data: "long" },
      } as const)}
    ) moved
    ON DUPLICATE KEY UPDATE joined_at = moved.joined_at, visible_from = moved.visible_from, role = moved.role,
      intervals = moved.intervals, changed = moved.changed, left_at = moved.left_at,
      left_fingerprint = moved.left_fingerprint, left_ordinal = moved.left_ordinal,
      left_activity = moved.left_activity, left_member_count = moved.left_member_count,
      left_latest_id = moved.left_latest_id, left_name = moved.left_name, left_data = moved.left_data`,
  receipts: `INSERT INTO chat_receipt (conversation, user_id, delivered, read_to, read_ordinal, unread_version,
      unread_from, unread_ordinal, mute_version, muted_until, privacy_version, typing, read_receipts, shown_read,
      changed)
    SELECT * FROM (
      SELECT j.conversation, UNHEX(j.user_id) AS user_id, j.delivered, j.read_to, j.read_ordinal, j.unread_version,
        j.unread_from, j.unread_ordinal, j.mute_version, j.muted_until, j.privacy_version, j.typing, j.read_receipts,
        j.shown_read, j.changed
      FROM ${jsonTable("$1", "j", {
        ...{ ...IN, delivered: "int", read_to: "int", read_ordinal: "int", unread_version: "int" },
        ...{
          unread_from: "int",
          unread_ordinal: "int",
          mute_version: "int",
          muted_until: "int",
        },
        ...{ privacy_version: "int", typing: "int", read_receipts: "int", shown_read: "int", changed: "int" },
      } as const)}
    ) moved
    ON DUPLICATE KEY UPDATE delivered = moved.delivered, read_to = moved.read_to, read_ordinal = moved.read_ordinal,
      unread_version = moved.unread_version, unread_from = moved.unread_from, unread_ordinal = moved.unread_ordinal,
      mute_version = moved.mute_version, muted_until = moved.muted_until,
      privacy_version = moved.privacy_version, typing = moved.typing, read_receipts = moved.read_receipts,
      shown_read = moved.shown_read, changed = moved.changed`,
  goneReceipts: `DELETE r FROM ${jsonTable("$1", "gone", IN)}
    STRAIGHT_JOIN chat_receipt r ${BY_KEY} ON r.conversation = gone.conversation AND r.user_id = UNHEX(gone.user_id)`,
  // In a large conversation a member's own row alone shows how far that member has come.
  ownRows: `UPDATE ${jsonTable("$1", "own", { ...IN, changed: "int" })}
    STRAIGHT_JOIN chat_participation p ${BY_KEY} ON p.user_id = UNHEX(own.user_id) AND p.conversation = own.conversation
    SET p.changed = own.changed`,
  takenIn: `DELETE i FROM ${jsonTable("$1", "gone", IN)}
    STRAIGHT_JOIN chat_interval i ${BY_KEY} ON i.user_id = UNHEX(gone.user_id) AND i.conversation = gone.conversation`,
  intervals: `INSERT INTO chat_interval (conversation, user_id, from_id, to_id)
    SELECT ended.conversation, UNHEX(ended.user_id), ended.from_id, ended.to_id
    FROM ${jsonTable("$1", "ended", { ...IN, from_id: "int", to_id: "int" })}`,
} as const;

/** Writes what was put together: a few statements, however much it is. */
export async function writeBatch(run: Run, writes: BatchWrites): Promise<void> {
  const { conversations, participations, receipts } = writes;
  const write = async (
    name: Exclude<keyof typeof MYSQL_WRITES, "numbers">,
    rows: readonly (readonly JsonCell[])[],
  ): Promise<void> => {
    if (rows.length > 0) await run(MYSQL_WRITES[name], [jsonOf(rows)]);
  };
  for (const part of inParts(writes.messages)) {
    await write(
      "messages",
      part.map(({ conversation, id, bytes, body }) => [conversation, id, bytes, body]),
    );
  }
  await write(
    "keys",
    writes.messages.map(({ conversation, id, sender, device, clientMessage }) => [
      ...[conversation, id, sender, device, clientMessage],
    ]),
  );
  await write(
    "senders",
    writes.senders.map(({ conversation, userId, messageId, ordinal }) => [
      conversation,
      userId,
      messageId,
      ordinal,
    ]),
  );
  for (const part of inParts(writes.tombstones)) {
    await write(
      "tombstones",
      part.map(({ conversation, id, body }) => [conversation, id, body]),
    );
  }
  await write(
    "infos",
    writes.infos.map(({ key, name, data, history }) => [key, name, data, history]),
  );
  await write("goneReceipts", writes.goneReceipts.map(userIn));
  await write("takenIn", writes.takenIn.map(userIn));
  await write(
    "intervals",
    writes.intervals.map((ended) => [...userIn(ended), ended.from, ended.to]),
  );
  if (conversations.length === 0) return;
  const last = await run(MYSQL_WRITES.numbers, [conversations.length]);
  const first = last - conversations.length + 1;
  const changes = new Map(conversations.map(({ key }, index) => [key, first + index]));
  const changeOf = ({ conversation }: { readonly conversation: number }): number =>
    changes.get(conversation)!;
  await write(
    "log",
    conversations
      .filter(({ head, firstNew }) => head >= firstNew)
      .map(({ key, head, firstNew }) => [changes.get(key)!, key, firstNew, head]),
  );
  await write(
    "conversations",
    conversations.map((moved) => [
      ...[
        moved.key,
        changes.get(moved.key)!,
        moved.head,
        moved.fingerprint,
        moved.ordinal,
        moved.membershipVersion,
      ],
      ...[
        moved.memberCount,
        moved.lastRedaction,
        moved.firstId,
        moved.latestId,
        moved.isActive,
        moved.viewMoved,
      ],
      ...[moved.membersMoved, moved.receiptsMoved, moved.isRedacted, moved.latestMoved],
      ...[moved.firstOrdinal, moved.isPruned, moved.latest],
    ]),
  );
  await write(
    "participations",
    participations.map((moved) => participationCells(moved, changeOf(moved))),
  );
  await write(
    "receipts",
    receipts.map((saved) => [
      ...[...userIn(saved), saved.delivered, saved.read, saved.readOrdinal, saved.unreadVersion],
      ...[saved.unreadFrom, saved.unreadOrdinal, saved.muteVersion, saved.mutedUntil],
      ...[saved.privacyVersion, saved.typing, saved.readReceipts, saved.shownRead],
      saved.isAdvanced ? changeOf(saved) : 0,
    ]),
  );
  const own = receipts.filter(({ isOwn }) => isOwn);
  await write(
    "ownRows",
    own.map((saved) => [...userIn(saved), changeOf(saved)]),
  );
}

function userIn({
  conversation,
  userId,
}: {
  readonly conversation: number;
  readonly userId: string;
}): JsonCell[] {
  return [conversation, userId];
}

function participationCells(moved: MovedParticipation, change: number): JsonCell[] {
  const { joinedAt, visibleFrom, role, intervals, leftLatestId, left } = moved;
  const cells = [joinedAt, visibleFrom, role, intervals, leftLatestId, change];
  return [...userIn(moved), ...cells, ...leftCells(left, change)];
}

function leftCells(left: LeftState | undefined, change: number): JsonCell[] {
  if (left === undefined) return Array.from({ length: 7 }, () => null);
  const { at, fingerprint, ordinal, activity = change, memberCount, name, data } = left;
  return [at, fingerprint, ordinal, activity, memberCount, name, data];
}

/** What no packet of the protocol would hold is written in several. */
function inParts<T extends { readonly body: Uint8Array }>(rows: readonly T[]): T[][] {
  const parts: T[][] = [];
  let size = Infinity;
  for (const row of rows) {
    size += 2 * row.body.length;
    if (size > BODIES_PER_STATEMENT) {
      parts.push([]);
      size = 2 * row.body.length;
    }
    parts[parts.length - 1]!.push(row);
  }
  return parts;
}
