import { type LatestMessage, tombstoneOf } from "@chat/protocol";
import { advanceReceipt, concernsOthers, type KeptReceipt } from "../advance-receipt.js";
import type { AdvancedReceipt, ReceiptAdvance } from "../conversation-store.js";
import type { ConversationUpdate, MembershipChange } from "../message-store.js";
import type { StoredEntry } from "../stored-entry.js";
import { concealed, decodeLatest, encodeLatest, latestOf } from "../sql/latest-message.js";
import type { Standing } from "../log-follower.js";
import { ChangeCounter } from "./change-counter.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { SqliteReceipts } from "./sqlite-receipts.js";

/** The state of one conversation as a write transaction moves it on. */
export interface ConversationState {
  readonly key: number;
  readonly head: number;
  readonly fingerprint: number;
  readonly ordinal: number;
  readonly membershipVersion: number;
  readonly memberCount: number;
  readonly lastRedaction: number;
  readonly firstId: number;
  /** Of a direct conversation: one of the two has blocked the other. */
  readonly isBlocked: number;
}

interface MutableState {
  readonly key: number;
  head: number;
  fingerprint: number;
  ordinal: number;
  membershipVersion: number;
  memberCount: number;
  /** Undefined until it is moved in this transaction. */
  change?: number;
  viewChange: number;
  receiptsChange: number;
  activity: number;
  membershipChange: number;
  lastRedaction: number;
  redactionChange: number;
  firstId: number;
  firstOrdinal: number;
  pruneChange: number;
  readonly isBlocked: number;
  /** As it was before this transaction. */
  readonly headBefore: number;
  latestId: number;
  latest: Uint8Array | null;
  /** Encoded into `latest` when somebody needs it. */
  newLatest?: StoredEntry | undefined;
}

/** A row as it is loaded, with the newest change number of the store. */
type LoadedState = Omit<MutableState, "change" | "headBefore" | "newLatest"> & {
  readonly lastChange: number;
};

/** Of a direct conversation: one of the two has blocked the other. */
export const IS_BLOCKED = `(EXISTS (SELECT 1 FROM chat_block WHERE user = pair_low AND blocked = pair_high)
  OR EXISTS (SELECT 1 FROM chat_block WHERE user = pair_high AND blocked = pair_low))`;

const LOAD = `
  SELECT key, head, fingerprint, ordinal, membership_version AS membershipVersion, member_count AS memberCount,
    last_redaction AS lastRedaction, redaction_change AS redactionChange, first_id AS firstId,
    first_ordinal AS firstOrdinal, prune_change AS pruneChange,
    activity, membership_change AS membershipChange, latest_id AS latestId, latest, view_change AS viewChange,
    receipts_change AS receiptsChange,
    ${IS_BLOCKED} AS isBlocked, (SELECT change FROM chat_store) AS lastChange
  FROM chat_conversation WHERE id = ?`;

const SAVE = `
  UPDATE chat_conversation SET head = ?, fingerprint = ?, ordinal = ?, membership_version = ?, member_count = ?,
    last_redaction = ?, redaction_change = ?, first_id = ?, first_ordinal = ?, prune_change = ?,
    change = ?, view_change = ?, receipts_change = ?, activity = ?, membership_change = ?, latest_id = ?, latest = ?
  WHERE key = ?`;

const LOG = "INSERT INTO chat_log (change, conversation, first_id, last_id) VALUES (?, ?, ?, ?)";

const STANDINGS = `
  SELECT user, left_at IS NULL AS member, intervals FROM chat_participation
  WHERE conversation = ? AND user IN (SELECT value FROM json_each(?))`;

// What was the newest interval becomes one of the earlier ones. Only for users who had left.
const ARCHIVE = `
  INSERT INTO chat_interval (user, conversation, from_id, to_id)
  SELECT user, conversation, visible_from, left_at FROM chat_participation
  WHERE conversation = ? AND user IN (SELECT value FROM json_each(?))`;

// An interval from the first entry on takes in all that were before it.
const TAKE_IN =
  "DELETE FROM chat_interval WHERE conversation = ? AND user IN (SELECT value FROM json_each(?))";

const JOIN = `
  INSERT INTO chat_participation (user, conversation, joined_at, visible_from, role, intervals, change)
  SELECT json_extract(value, '$[0]'), ?, ?, ?, json_extract(value, '$[1]'), 1, ? FROM json_each(?) WHERE true
  ON CONFLICT (user, conversation) DO UPDATE SET joined_at = excluded.joined_at,
    visible_from = excluded.visible_from, role = excluded.role,
    intervals = CASE excluded.visible_from WHEN 1 THEN 1 ELSE intervals + 1 END, change = excluded.change,
    left_at = NULL, left_fingerprint = NULL, left_ordinal = NULL, left_activity = NULL, left_member_count = NULL,
    left_name = NULL, left_data = NULL`;

// In a large conversation a member's own row alone shows how far that member has come.
const TOUCH = "UPDATE chat_participation SET change = ? WHERE user = ? AND conversation = ?";

const SET_ROLES = `
  UPDATE chat_participation SET role = json_extract(named.value, '$[1]') FROM json_each(?) named
  WHERE conversation = ? AND user = json_extract(named.value, '$[0]') AND left_at IS NULL`;

const UPDATE = `
  UPDATE chat_conversation SET name = nullif(coalesce(?, name), ''), data = nullif(coalesce(?, data), '{}'),
    history = coalesce(?, history)
  WHERE key = ?`;

// A former member's row stays as it was: what it shows is copied, as far as the user could see it.
const LEAVE = `
  UPDATE chat_participation SET left_at = ?, left_fingerprint = ?, left_ordinal = ?, left_activity = ?, left_member_count = ?, change = ?,
    (left_name, left_data) = (SELECT name, data FROM chat_conversation WHERE key = conversation),
    left_latest_id = CASE WHEN ? >= visible_from OR EXISTS (
      SELECT 1 FROM chat_interval earlier
      WHERE earlier.user = chat_participation.user AND earlier.conversation = chat_participation.conversation
        AND ? >= from_id AND ? < to_id
    ) THEN ? ELSE left_latest_id END
  WHERE conversation = ? AND user IN (SELECT value FROM json_each(?))`;

/**
 * The conversations that one write transaction touches: each is read once, moved on in memory entry by entry, and
 * written once. Both {@link MessageStore.append} and {@link ConversationStore.advance} move conversations through here.
 */
export class ConversationStates {
  readonly #connection: SqliteConnection;
  readonly #changes: ChangeCounter;
  readonly #receipts: SqliteReceipts;
  readonly #states = new Map<string, MutableState | undefined>();

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
    this.#changes = new ChangeCounter(connection);
    this.#receipts = new SqliteReceipts(connection);
  }

  /** The state now, with what this transaction has done; undefined if there is no such conversation. */
  get(conversationId: string): ConversationState | undefined {
    return this.#load(conversationId);
  }

  /** A change number for a row that is not a conversation. */
  nextChange(): number {
    return this.#changes.next();
  }

  /** Where these users stand; those who never were members are left out. */
  standings(state: ConversationState, userIds: readonly string[]): ReadonlyMap<string, Standing> {
    const rows = this.#connection.prepare(STANDINGS).all(state.key, JSON.stringify(userIds)) as {
      user: string;
      member: number;
      intervals: number;
    }[];
    return new Map(rows.map(({ user, member, intervals }) => [user, { member: member === 1, intervals }]));
  }

  /**
   * Moves a conversation on by its next entry.
   * @param standings of all users that `membership` names; added ones are no members, the others are
   */
  move(
    entry: StoredEntry,
    membership?: MembershipChange,
    standings: ReadonlyMap<string, Standing> = new Map(),
    update?: ConversationUpdate,
  ): void {
    const state = this.#load(entry.conversationId)!;
    const change = this.#touch(state);
    if (membership !== undefined) {
      state.memberCount += membership.add.length - membership.remove.length;
      this.#leave(state, change, entry.messageId, membership.remove);
      this.#join(state, change, entry, membership, standings);
      this.#setRoles(state, membership.roles ?? []);
      state.membershipVersion = entry.messageId;
      state.membershipChange = change;
    }
    if (update !== undefined) this.#update(state, update);
    if (entry.ordinal > state.ordinal) {
      state.newLatest = entry;
      state.latestId = entry.messageId;
      this.#receipts.sent(state.key, entry);
    }
    // Who comes and goes does not push a conversation up the list.
    if (entry.ordinal > state.ordinal || entry.messageId === 1) state.activity = change;
    state.head = entry.messageId;
    state.fingerprint = entry.fingerprint;
    state.ordinal = entry.ordinal;
  }

  /** Notes that an entry which was just moved to redacts something. */
  redacted(conversationId: string, messageId: number): void {
    const state = this.#load(conversationId)!;
    state.lastRedaction = messageId;
    state.redactionChange = state.change!;
  }

  /** Takes the snippet out of the row if it shows this message, which is a tombstone now. */
  wiped(entry: StoredEntry): void {
    const state = this.#load(entry.conversationId)!;
    if (state.latestId !== entry.messageId) return;
    this.#touch(state);
    state.newLatest = tombstoneOf(entry);
  }

  /** Takes the words out of the row if it shows a message of which that is to be said. */
  conceal(conversationId: string, isGone: (latest: LatestMessage) => boolean): void {
    const state = this.#load(conversationId)!;
    const shown = encodedLatest(state);
    const latest = shown === null ? undefined : decodeLatest(shown);
    if (latest === undefined || latest.redacted === true || !isGone(latest)) return;
    this.#touch(state);
    state.latest = encodeLatest(concealed(latest));
  }

  /** Notes that the entries below an id are deleted, the last of which has this ordinal. */
  pruned(conversationId: string, firstId: number, ordinal: number): void {
    const state = this.#load(conversationId)!;
    this.#touch(state);
    Object.assign(state, { firstId, firstOrdinal: ordinal, pruneChange: state.change });
    this.#receipts.pruned(state.key, firstId, ordinal);
    if (state.latestId >= firstId) return;
    state.latest = null;
    state.newLatest = undefined;
  }

  /** Moves a member's watermarks on; undefined for a user who is no member. */
  advance(advance: ReceiptAdvance, receiptMembers: number): AdvancedReceipt | undefined {
    const { conversationId, userId } = advance;
    const state = this.#load(conversationId);
    const before = state && this.#receipts.of(state.key, userId);
    if (before === undefined) return undefined;
    const kept = advanceReceipt(before, advance);
    const shared = concernsOthers(advance, before, kept) && state!.memberCount <= receiptMembers;
    const moved = kept !== before;
    if (moved) this.#saveReceipt(state!, userId, kept, shared);
    const { receipt, shownRead } = kept;
    return { receipt, shownRead, moved, shared };
  }

  /** Writes what was moved. */
  flush(): void {
    this.#receipts.flush();
    for (const state of this.#states.values()) {
      if (state?.change === undefined) continue;
      const { head, fingerprint, ordinal, membershipVersion, memberCount, change } = state;
      const log = [head, fingerprint, ordinal, membershipVersion, memberCount] as const;
      const row = [
        change,
        state.viewChange,
        state.receiptsChange,
        state.activity,
        state.membershipChange,
        state.latestId,
        encodedLatest(state),
      ] as const;
      const redaction = [state.lastRedaction, state.redactionChange] as const;
      const first = [state.firstId, state.firstOrdinal, state.pruneChange] as const;
      this.#connection.prepare(SAVE).run(...log, ...redaction, ...first, ...row, state.key);
      if (head > state.headBefore) {
        this.#connection.prepare(LOG).run(change, state.key, state.headBefore + 1, head);
      }
    }
    this.#changes.flush();
  }

  #load(conversationId: string): MutableState | undefined {
    let state = this.#states.get(conversationId);
    if (state !== undefined || this.#states.has(conversationId)) return state;
    const row = this.#connection.prepare(LOAD).get(conversationId) as LoadedState | undefined;
    if (row !== undefined) {
      this.#changes.begin(row.lastChange);
      state = Object.assign(row, { headBefore: row.head });
    }
    this.#states.set(conversationId, state);
    return state;
  }

  /** The change number of this transaction, for something that all members' rows show. */
  #touch(state: MutableState): number {
    state.change ??= this.#changes.next();
    return (state.viewChange = state.change);
  }

  #saveReceipt(state: MutableState, userId: string, kept: KeptReceipt, shared: boolean): void {
    const change = (state.change ??= this.#changes.next());
    state.receiptsChange = change;
    this.#receipts.save(state.key, userId, kept, change);
    if (shared) state.viewChange = change;
    else this.#connection.prepare(TOUCH).run(change, userId, state.key);
  }

  #join(
    state: MutableState,
    change: number,
    entry: StoredEntry,
    { add, fromStart = false }: MembershipChange,
    standings: ReadonlyMap<string, Standing>,
  ): void {
    if (add.length === 0) return;
    const back = add.flatMap(({ userId }) => (standings.has(userId) ? [userId] : []));
    if (back.length > 0) {
      this.#connection.prepare(fromStart ? TAKE_IN : ARCHIVE).run(state.key, JSON.stringify(back));
    }
    const { messageId, ordinal } = entry;
    const users = JSON.stringify(add.map(({ userId, role }) => [userId, role]));
    this.#connection.prepare(JOIN).run(state.key, messageId, fromStart ? 1 : messageId, change, users);
    const userIds = add.map(({ userId }) => userId);
    this.#receipts.join(state.key, { messageId, ordinal }, userIds);
  }

  #setRoles(state: MutableState, roles: MembershipChange["roles"] & object): void {
    if (roles.length === 0) return;
    const named = JSON.stringify(roles.map(({ userId, role }) => [userId, role]));
    this.#connection.prepare(SET_ROLES).run(named, state.key);
  }

  #update(state: MutableState, { name, data, historyVisibility }: ConversationUpdate): void {
    const json = data === undefined ? null : JSON.stringify(data);
    this.#connection.prepare(UPDATE).run(name ?? null, json, historyVisibility ?? null, state.key);
  }

  #leave(state: MutableState, change: number, messageId: number, remove: readonly string[]): void {
    if (remove.length === 0) return;
    const { fingerprint, ordinal, activity, memberCount, latestId, key } = state;
    const shown = [fingerprint, ordinal, activity, memberCount] as const;
    const visible = [latestId, latestId, latestId, latestId] as const;
    this.#receipts.leave(key, remove);
    const users = JSON.stringify(remove);
    this.#connection.prepare(LEAVE).run(messageId, ...shown, change, ...visible, key, users);
  }
}

/** The latest message as it is stored, encoded only once however many entries moved it. */
function encodedLatest(state: MutableState): Uint8Array | null {
  if (state.newLatest !== undefined) {
    state.latest = encodeLatest(latestOf(state.newLatest));
    state.newLatest = undefined;
  }
  return state.latest;
}
