import type {
  BatchWrites,
  MovedConversation,
  MovedParticipation,
  SavedReceipt,
} from "../sql/batch-writes.js";
import { hexOf } from "../sql/hex-of.js";

/** Runs one statement; each of its texts is one constant. */
type Run = (name: string, text: string, values: unknown[]) => Promise<readonly unknown[]>;

/**
 * Moves conversations on, with what is written beside it.
 * @param last takes the lock on chat_store, which is held to the commit: the order of the change numbers is that of the commits
 */
function moving(last: string): string {
  return `WITH ${last},
    moved AS MATERIALIZED (
      SELECT state.*, nextval('chat_change') AS change
      FROM last, unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::boolean[], $11::boolean[], $12::boolean[], $13::boolean[],
        $14::boolean[], $15::bigint[], $16::boolean[], $17::bigint[], $18::boolean[], $19::text[])
        AS state(key, head, fingerprint, ordinal, membership_version, member_count, last_redaction, first_id,
          first_new, is_active, view_moved, members_moved, receipts_moved, is_redacted, latest_id, latest_moved,
          first_ordinal, is_pruned, latest)
    ),
    logged AS (
      INSERT INTO chat_log (change, conversation, first_id, last_id)
      SELECT change, key, first_new, head FROM moved WHERE head >= first_new
    )
    UPDATE chat_conversation c SET head = moved.head, fingerprint = moved.fingerprint, ordinal = moved.ordinal,
      membership_version = moved.membership_version, member_count = moved.member_count,
      last_redaction = moved.last_redaction, first_id = moved.first_id, latest_id = moved.latest_id,
      first_ordinal = moved.first_ordinal,
      change = moved.change,
      activity = CASE WHEN moved.is_active THEN moved.change ELSE c.activity END,
      view_change = CASE WHEN moved.view_moved THEN moved.change ELSE c.view_change END,
      receipts_change = CASE WHEN moved.receipts_moved THEN moved.change ELSE c.receipts_change END,
      membership_change = CASE WHEN moved.members_moved THEN moved.change ELSE c.membership_change END,
      redaction_change = CASE WHEN moved.is_redacted THEN moved.change ELSE c.redaction_change END,
      prune_change = CASE WHEN moved.is_pruned THEN moved.change ELSE c.prune_change END,
      latest = CASE WHEN moved.latest_moved THEN decode(moved.latest, 'hex') ELSE c.latest END
    FROM moved WHERE c.key = moved.key RETURNING moved.key, moved.change`;
}

/** The statements that write, by what they write. The tests look at their plans. */
export const POSTGRES_WRITES = {
  tombstones: `UPDATE chat_message m SET bytes = 0, body = decode(wiped.body, 'hex')
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS wiped(conversation, id, body)
    WHERE m.conversation = wiped.conversation AND m.id = wiped.id`,
  infos: `UPDATE chat_conversation c SET name = moved.name, data = moved.data, history = moved.history
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS moved(key, name, data, history)
    WHERE c.key = moved.key`,
  moved: moving("last AS MATERIALIZED (SELECT FROM chat_store FOR NO KEY UPDATE)"),
  // What is counted is written before the lock is asked for, under which nobody else gets a change number.
  stored: moving(`message AS (
      INSERT INTO chat_message (conversation, id, bytes, body)
      SELECT conversation, id, bytes, decode(body, 'hex')
      FROM unnest($20::bigint[], $21::bigint[], $22::integer[], $23::text[]) AS new(conversation, id, bytes, body)
      RETURNING 1
    ),
    taken AS (
      INSERT INTO chat_key (conversation, message, sender, device, client_message)
      SELECT conversation, message, sender, decode(device, 'hex'), decode(client_message, 'hex')
      FROM unnest($20::bigint[], $21::bigint[], $24::text[], $25::text[], $26::text[])
        AS new(conversation, message, sender, device, client_message)
      RETURNING 1
    ),
    receipt AS (
      UPDATE chat_receipt r SET delivered = sent.message, read = sent.message, read_ordinal = sent.ordinal,
        unread_version = r.unread_version + (r.unread_from IS NOT NULL)::integer, unread_from = NULL,
        unread_ordinal = NULL, shown_read = NULL
      FROM unnest($27::bigint[], $28::text[], $29::bigint[], $30::bigint[])
        AS sent(conversation, user_id, message, ordinal)
      WHERE r.conversation = sent.conversation AND r.user_id = sent.user_id
      RETURNING 1
    ),
    last AS MATERIALIZED (
      SELECT FROM chat_store
      WHERE (SELECT count(*) FROM message) + (SELECT count(*) FROM taken) + (SELECT count(*) FROM receipt) >= 0
      FOR NO KEY UPDATE
    )`),
  participations: `INSERT INTO chat_participation (conversation, user_id, joined_at, visible_from, role, intervals,
      left_latest_id, change, left_at, left_fingerprint, left_ordinal, left_activity, left_member_count, left_name,
      left_data)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::integer[], $7::bigint[],
      $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[])
    ON CONFLICT (user_id, conversation) DO UPDATE SET joined_at = excluded.joined_at,
      visible_from = excluded.visible_from, role = excluded.role, intervals = excluded.intervals,
      change = excluded.change, left_at = excluded.left_at, left_fingerprint = excluded.left_fingerprint,
      left_ordinal = excluded.left_ordinal, left_activity = excluded.left_activity,
      left_member_count = excluded.left_member_count, left_latest_id = excluded.left_latest_id,
      left_name = excluded.left_name, left_data = excluded.left_data`,
  receipts: `INSERT INTO chat_receipt (conversation, user_id, delivered, read, read_ordinal, unread_version,
      unread_from, unread_ordinal, mute_version, muted_until, privacy_version, typing, read_receipts, shown_read, change)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::smallint[], $13::smallint[],
      $14::bigint[], $15::bigint[])
    ON CONFLICT (conversation, user_id) DO UPDATE SET delivered = excluded.delivered, read = excluded.read,
      read_ordinal = excluded.read_ordinal, unread_version = excluded.unread_version,
      unread_from = excluded.unread_from, unread_ordinal = excluded.unread_ordinal,
      mute_version = excluded.mute_version, muted_until = excluded.muted_until,
      privacy_version = excluded.privacy_version, typing = excluded.typing,
      read_receipts = excluded.read_receipts, shown_read = excluded.shown_read, change = excluded.change`,
  goneReceipts: `DELETE FROM chat_receipt r USING unnest($1::bigint[], $2::text[]) AS gone(conversation, user_id)
    WHERE r.conversation = gone.conversation AND r.user_id = gone.user_id`,
  // In a large conversation a member's own row alone shows how far that member has come.
  ownRows: `UPDATE chat_participation p SET change = own.change
    FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS own(conversation, user_id, change)
    WHERE p.user_id = own.user_id AND p.conversation = own.conversation`,
  takenIn: `DELETE FROM chat_interval i USING unnest($1::bigint[], $2::text[]) AS gone(conversation, user_id)
    WHERE i.user_id = gone.user_id AND i.conversation = gone.conversation`,
  intervals: `INSERT INTO chat_interval (conversation, user_id, from_id, to_id)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])`,
} as const;

/** Writes what was put together: a few statements, however much it is. */
export async function writeBatch(run: Run, writes: BatchWrites): Promise<void> {
  const write = (name: keyof typeof POSTGRES_WRITES, values: unknown[]): Promise<readonly unknown[]> =>
    run(name, POSTGRES_WRITES[name], values);
  const { messages, tombstones, conversations, infos, participations, takenIn, intervals } = writes;
  const { receipts, goneReceipts, senders } = writes;
  if (tombstones.length > 0) {
    await write("tombstones", [
      tombstones.map(({ conversation }) => conversation),
      tombstones.map(({ id }) => id),
      tombstones.map(({ body }) => hexOf(body)),
    ]);
  }
  if (infos.length > 0) {
    await write("infos", [
      infos.map(({ key }) => key),
      infos.map(({ name }) => name),
      infos.map(({ data }) => data),
      infos.map(({ history }) => history),
    ]);
  }
  if (goneReceipts.length > 0) await write("goneReceipts", usersIn(goneReceipts));
  if (takenIn.length > 0) await write("takenIn", usersIn(takenIn));
  if (intervals.length > 0) {
    const bounds = [intervals.map(({ from }) => from), intervals.map(({ to }) => to)];
    await write("intervals", [...usersIn(intervals), ...bounds]);
  }
  // From here to the commit nobody else gets a change number; so this comes last.
  if (conversations.length === 0) return;
  // Where the log lies in another store, its messages raise their senders' receipts here.
  const isStoring = messages.length + senders.length > 0;
  const columns = conversationColumns(conversations);
  const moved = (await (isStoring
    ? write("stored", [...columns, ...messageColumns(writes)])
    : write("moved", columns))) as { readonly key: number; readonly change: number }[];
  if (participations.length + receipts.length === 0) return;
  const changes = new Map(moved.map(({ key, change }) => [key, change]));
  if (participations.length > 0) {
    await write("participations", participationColumns(participations, changes));
  }
  if (receipts.length === 0) return;
  await write("receipts", receiptColumns(receipts, changes));
  const own = receipts.filter(({ isOwn }) => isOwn);
  if (own.length > 0)
    await write("ownRows", [...usersIn(own), own.map((receipt) => changeOf(receipt, changes))]);
}

function messageColumns({ messages, senders }: BatchWrites): unknown[] {
  return [
    messages.map(({ conversation }) => conversation),
    messages.map(({ id }) => id),
    messages.map(({ bytes }) => bytes),
    messages.map(({ body }) => hexOf(body)),
    messages.map(({ sender }) => sender),
    messages.map(({ device }) => hexOf(device)),
    messages.map(({ clientMessage }) => hexOf(clientMessage)),
    ...usersIn(senders),
    senders.map(({ messageId }) => messageId),
    senders.map(({ ordinal }) => ordinal),
  ];
}

function conversationColumns(conversations: readonly MovedConversation[]): unknown[] {
  const columns = [
    "key",
    "head",
    "fingerprint",
    "ordinal",
    "membershipVersion",
    "memberCount",
    "lastRedaction",
    "firstId",
    "firstNew",
    "isActive",
    "viewMoved",
    "membersMoved",
    "receiptsMoved",
    "isRedacted",
    "latestId",
    "latestMoved",
    "firstOrdinal",
    "isPruned",
  ] as const;
  return [
    ...columns.map((column) => conversations.map((conversation) => conversation[column])),
    conversations.map(({ latest }) => (latest === null ? null : hexOf(latest))),
  ];
}

function participationColumns(
  participations: readonly MovedParticipation[],
  changes: ReadonlyMap<number, number>,
): unknown[] {
  const left = ["at", "fingerprint", "ordinal", "activity", "memberCount", "name", "data"] as const;
  return [
    ...usersIn(participations),
    participations.map(({ joinedAt }) => joinedAt),
    participations.map(({ visibleFrom }) => visibleFrom),
    participations.map(({ role }) => role),
    participations.map(({ intervals }) => intervals),
    participations.map(({ leftLatestId }) => leftLatestId),
    participations.map((participation) => changeOf(participation, changes)),
    ...left.map((column) =>
      participations.map((participation) => {
        if (participation.left === undefined) return null;
        return (
          participation.left[column] ?? (column === "activity" ? changeOf(participation, changes) : null)
        );
      }),
    ),
  ];
}

function receiptColumns(receipts: readonly SavedReceipt[], changes: ReadonlyMap<number, number>): unknown[] {
  const columns = [
    "delivered",
    "read",
    "readOrdinal",
    "unreadVersion",
    "unreadFrom",
    "unreadOrdinal",
    "muteVersion",
    "mutedUntil",
    "privacyVersion",
    "typing",
    "readReceipts",
    "shownRead",
  ] as const;
  return [
    ...usersIn(receipts),
    ...columns.map((column) => receipts.map((receipt) => receipt[column])),
    receipts.map((receipt) => (receipt.isAdvanced ? changeOf(receipt, changes) : 0)),
  ];
}

/** The change number that a row's conversation has got. */
function changeOf(
  { conversation }: { readonly conversation: number },
  changes: ReadonlyMap<number, number>,
): number {
  return changes.get(conversation)!;
}

function usersIn(rows: readonly { readonly conversation: number; readonly userId: string }[]): unknown[] {
  return [rows.map(({ conversation }) => conversation), rows.map(({ userId }) => userId)];
}
