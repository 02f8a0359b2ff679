import {
  type ConversationRow,
  DEFAULT_PRIVACY,
  type MemberReceipt,
  type Role,
  type UserPrivacy,
  type UserProfile,
} from "@chat/protocol";
import type {
  AdvancedReceipt,
  Blocks,
  ConversationChanges,
  ConversationPage,
  ConversationStore,
  KeptPresence,
  Member,
  MemberOf,
  NewConversation,
  Page,
  Participation,
  PrivacyChange,
  ReceiptAdvance,
  ReceiptCounts,
  StoreChanges,
  ToldReceipt,
} from "../conversation-store.js";
import { changePrivacy } from "../change-privacy.js";
import { sameJson } from "../same-json.js";
import { activityOf, encodeCursor } from "../sql/feed-cursor.js";
import { LOAD_OF_MEMBER } from "../sql/commit-load.js";
import type { LatestElsewhere } from "../sql/latest-elsewhere.js";
import { pageOf } from "../sql/page-of.js";
import { type RawParticipation, toParticipation } from "../sql/raw-participation.js";
import { type RawBlock, type RawPrivacy, toBlocks, toPrivacy } from "../sql/raw-privacy.js";
import { type RawUser, toProfile } from "../sql/raw-user.js";
import { type RawRow, takePage, toRow } from "../sql/raw-row.js";
import { ROW_COLUMNS, ROW_SOURCES, VIEW_CHANGE } from "./conversation-rows.js";
import type { ConversationStates } from "./conversation-states.js";
import { decodeCursor, feedPosition } from "./feed-position.js";
import type { GroupCommit } from "./group-commit.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { SqliteReceipts } from "./sqlite-receipts.js";

// CROSS JOIN fixes the order: from the user's participations to their conversations, never through all conversations.
const OWN = "chat_participation p CROSS JOIN chat_conversation c ON c.key = p.conversation";

/** The other user of a direct conversation. */
const PEER = "CASE p.user WHEN c.pair_low THEN c.pair_high ELSE c.pair_low END";

/** In place of a participation, where the application itself looks: an owner from the first entry on. */
const NOBODY = `(SELECT 'owner' AS role, 1 AS joined_at, 1 AS visible_from, 1 AS intervals, NULL AS user,
  NULL AS conversation, 0 AS change, NULL AS left_at, NULL AS left_fingerprint, NULL AS left_ordinal,
  NULL AS left_activity, NULL AS left_member_count, NULL AS left_latest_id, NULL AS left_name, NULL AS left_data)`;

/** The queries, by what they answer. The tests look at their plans. */
export const CONVERSATION_QUERIES = {
  reserved: "SELECT id AS conversationId, type, creator AS creatorId FROM chat_conversation WHERE id = ?",
  pair: `SELECT id AS conversationId, type, creator AS creatorId FROM chat_conversation
    WHERE pair_low = ? AND pair_high = ?`,
  reserve: `INSERT INTO chat_conversation (id, type, creator, pair_low, pair_high, name, data, created_at, history)
    VALUES (?, ?, ?, ?, ?, nullif(?, ''), nullif(?, '{}'), ?, ?)`,
  row: `SELECT ${ROW_COLUMNS} FROM chat_participation p ${ROW_SOURCES}
    WHERE p.user = ? AND p.conversation = (SELECT key FROM chat_conversation WHERE id = ?)`,
  rows: `SELECT p.user AS userId, ${ROW_COLUMNS} FROM json_each(?) wanted
    CROSS JOIN chat_participation p ON p.user = wanted.value
      AND p.conversation = (SELECT key FROM chat_conversation WHERE id = ?)
    ${ROW_SOURCES}`,
  ownRow: `SELECT ${ROW_COLUMNS} FROM ${NOBODY} p CROSS JOIN chat_conversation c
    LEFT JOIN chat_receipt r ON r.conversation = p.conversation AND r.user = p.user WHERE c.id = ? AND c.head > 0`,
  // The page is chosen by keys and numbers alone; only its own rows are read whole.
  list: `SELECT ${ROW_COLUMNS} FROM (
      SELECT c.key AS key FROM ${OWN} WHERE p.user = ? AND p.left_at IS NULL AND c.activity < ?
      ORDER BY c.activity DESC LIMIT ?
    ) page
    CROSS JOIN chat_participation p ON p.user = ? AND p.conversation = page.key
    ${ROW_SOURCES}
    ORDER BY c.activity DESC`,
  listChanges: `SELECT ${ROW_COLUMNS} FROM (
      SELECT c.key AS key, ${VIEW_CHANGE} AS change FROM ${OWN} WHERE p.user = ? AND ${VIEW_CHANGE} > ?
      ORDER BY 2 LIMIT ?
    ) page
    CROSS JOIN chat_participation p ON p.user = ? AND p.conversation = page.key
    ${ROW_SOURCES}
    ORDER BY page.change`,
  participation: `SELECT c.type, p.left_at IS NULL AS member, p.role, p.visible_from AS visibleFrom, p.left_at AS leftAt,
      c.membership_version AS membershipVersion, c.member_count AS memberCount, c.history AS historyVisibility, c.head,
      c.ordinal, c.first_id AS firstId, c.last_redaction AS lastRedaction,
      coalesce((SELECT typing FROM chat_receipt WHERE conversation = c.key AND user = p.user),
        (SELECT typing FROM chat_user WHERE id = p.user), 1) AS typing,
      EXISTS (SELECT 1 FROM chat_block WHERE user = p.user AND blocked = ${PEER}) AS blocks,
      EXISTS (SELECT 1 FROM chat_block WHERE user = ${PEER} AND blocked = p.user) AS blockedBy,
      CASE WHEN p.intervals > 1 THEN (
        SELECT json_group_array(json_array(from_id, to_id)) FROM chat_interval i
        WHERE i.user = p.user AND i.conversation = p.conversation
      ) END AS earlier
    FROM ${OWN} WHERE p.user = ? AND p.conversation = (SELECT key FROM chat_conversation WHERE id = ?)`,
  ownParticipation: `SELECT type, 1 AS member, 'owner' AS role, 1 AS visibleFrom, NULL AS leftAt,
      membership_version AS membershipVersion, member_count AS memberCount, history AS historyVisibility, head,
      ordinal, first_id AS firstId, last_redaction AS lastRedaction, 1 AS typing, 0 AS blocks, 0 AS blockedBy, NULL AS earlier
    FROM chat_conversation WHERE id = ? AND head > 0`,
  members: `SELECT user AS userId, role, joined_at AS joinedAt FROM chat_participation
      INDEXED BY chat_participation_member
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND left_at IS NULL AND user > ?
    ORDER BY user LIMIT ?`,
  roles: `SELECT p.user, p.role FROM json_each(?) wanted
    CROSS JOIN chat_participation p ON p.user = wanted.value
      AND p.conversation = (SELECT key FROM chat_conversation WHERE id = ?)
    WHERE p.left_at IS NULL`,
  firstInLine: `SELECT user FROM chat_participation INDEXED BY chat_participation_member
    WHERE conversation = (SELECT key FROM chat_conversation WHERE id = ?) AND left_at IS NULL
      AND user NOT IN (SELECT value FROM json_each(?))
    ORDER BY CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, joined_at, user LIMIT 1`,
  memberOf: `SELECT c.id AS conversationId, c.head, c.fingerprint, p.visible_from AS "from" FROM ${OWN}
    WHERE p.user = ? AND p.left_at IS NULL AND c.id > ? ORDER BY c.id LIMIT ?`,
  users: `SELECT id AS userId, version, name, avatar_url AS avatarUrl, data FROM chat_user
    WHERE version > 0 AND id IN (SELECT value FROM json_each(?))`,
  setUser: `INSERT INTO chat_user (id, version, change, name, avatar_url, data) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, change = excluded.change, name = excluded.name,
      avatar_url = excluded.avatar_url, data = excluded.data`,
  privacies: `SELECT id AS userId, privacy_version AS version, typing, read_receipts AS readReceipts,
      (SELECT json_group_array(blocked) FROM chat_block WHERE user = id) AS blocked FROM chat_user
    WHERE privacy_version > 0 AND id IN (SELECT value FROM json_each(?))`,
  setPrivacy: `INSERT INTO chat_user (id, version, change, privacy_version, typing, read_receipts) VALUES (?, 0, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET change = excluded.change, privacy_version = excluded.privacy_version,
      typing = excluded.typing, read_receipts = excluded.read_receipts`,
  block: "INSERT INTO chat_block SELECT ?, value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
  unblock: "DELETE FROM chat_block WHERE user = ? AND blocked IN (SELECT value FROM json_each(?))",
  blocks: `SELECT user AS userId, blocked FROM json_each(?) wanted
      CROSS JOIN chat_block ON user = ? AND blocked = wanted.value
    UNION ALL SELECT user, blocked FROM json_each(?) wanted
      CROSS JOIN chat_block ON user = wanted.value AND blocked = ?`,
  setLastActive: `INSERT INTO chat_presence (user, last_active_at)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?) WHERE true
    ON CONFLICT (user) DO UPDATE SET last_active_at = max(coalesce(last_active_at, 0), excluded.last_active_at)`,
  setInvisible: `INSERT INTO chat_presence (user, invisible) VALUES (?, ?)
    ON CONFLICT (user) DO UPDATE SET invisible = excluded.invisible`,
  presences: `SELECT user AS userId, last_active_at AS lastActiveAt, invisible FROM chat_presence
    WHERE user IN (SELECT value FROM json_each(?))`,
  acquaintances: `SELECT DISTINCT wanted.value AS userId FROM json_each(?) wanted
    WHERE EXISTS (
      SELECT 1 FROM chat_participation theirs
      CROSS JOIN chat_participation own ON own.user = ? AND own.conversation = theirs.conversation
      WHERE theirs.user = wanted.value AND theirs.left_at IS NULL AND own.left_at IS NULL
    )`,
  changedConversations: `SELECT id AS conversationId, head, fingerprint, change, membership_change > ? AS membershipMoved,
      receipts_change > ? AS receiptsMoved, redaction_change > ? AS redacted, prune_change > ? AS pruned
    FROM chat_conversation WHERE change > ? ORDER BY change LIMIT ?`,
  changedUsers: "SELECT id AS userId, change FROM chat_user WHERE change > ? ORDER BY change LIMIT ?",
} as const;

type Reserved = Awaited<ReturnType<ConversationStore["reserve"]>>;

/** What of the store's settings is needed here. */
export interface ReceiptLimits {
  /** Up to so many members of a conversation are told how far each other has come. */
  readonly receiptMembers: number;
}

/** The conversation store on SQLite, see {@link ConversationStore}. */
export class SqliteConversationStore implements ConversationStore {
  readonly #connection: SqliteConnection;
  readonly #commits: GroupCommit<ConversationStates>;
  readonly #receipts: SqliteReceipts;
  readonly #limits: ReceiptLimits;
  readonly #latest: LatestElsewhere;

  constructor(
    connection: SqliteConnection,
    commits: GroupCommit<ConversationStates>,
    limits: ReceiptLimits,
    latest: LatestElsewhere,
  ) {
    this.#connection = connection;
    this.#commits = commits;
    this.#receipts = new SqliteReceipts(connection);
    this.#limits = limits;
    this.#latest = latest;
  }

  async reserve(conversation: NewConversation): Promise<Reserved> {
    const { conversationId, type, creatorId, pair, name, data, createdAt } = conversation;
    const { historyVisibility = "joined" } = conversation;
    const [low, high] = pair === undefined ? [] : [...pair].sort();
    return this.#commits.write(() => {
      const there =
        (low !== undefined ? this.#one<Omit<Reserved, "reserved">>("pair", low, high!) : undefined) ??
        this.#one<Omit<Reserved, "reserved">>("reserved", conversationId);
      if (there !== undefined) return { ...there, reserved: false };
      const json = data === undefined ? null : JSON.stringify(data);
      const whose = [conversationId, type, creatorId, low ?? null, high ?? null] as const;
      this.#connection
        .prepare(CONVERSATION_QUERIES.reserve)
        .run(...whose, name ?? null, json, createdAt, historyVisibility);
      return { conversationId, reserved: true, type, creatorId };
    });
  }

  async row(userId: string | undefined, conversationId: string): Promise<ConversationRow | undefined> {
    const raw = await this.#connection.run(() => {
      const { receiptMembers } = this.#limits;
      return userId === undefined
        ? this.#one<RawRow>("ownRow", receiptMembers, conversationId)
        : this.#one<RawRow>("row", receiptMembers, userId, conversationId);
    });
    return raw && this.#latest.row(raw);
  }

  async rows(
    conversationId: string,
    userIds: readonly string[],
  ): Promise<ReadonlyMap<string, ConversationRow>> {
    const found = await this.#connection.run(() => {
      const { receiptMembers } = this.#limits;
      const wanted = JSON.stringify(userIds);
      return this.#all<RawRow & { userId: string }>("rows", receiptMembers, wanted, conversationId);
    });
    const rows = await this.#latest.rows(found);
    return new Map(found.map(({ userId }, index) => [userId, rows[index]!]));
  }

  advanceReceipts(advances: readonly ReceiptAdvance[]): Promise<readonly (AdvancedReceipt | undefined)[]> {
    const { receiptMembers } = this.#limits;
    return this.#commits.write(
      (states) => advances.map((advance) => states.advance(advance, receiptMembers)),
      advances.length * LOAD_OF_MEMBER,
    );
  }

  async receipts(
    conversationId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberReceipt>> {
    return this.#connection.run(() => {
      const found = this.#receipts.page(conversationId, page, limit + 1);
      return pageOf(found, limit, ({ userId }) => userId);
    });
  }

  async receiptChanges(conversationId: string, cursor: string): Promise<readonly ToldReceipt[]> {
    return this.#connection.snapshot(() =>
      this.#receipts.changes(conversationId, decodeCursor(this.#connection, cursor)),
    );
  }

  async countReceipts(conversationId: string, messageId: number): Promise<ReceiptCounts> {
    return this.#connection.run(() => this.#receipts.count(conversationId, messageId));
  }

  async list(
    userId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<ConversationPage> {
    const below = query.page === undefined ? Number.MAX_SAFE_INTEGER : activityOf(query.page);
    return this.#connection.snapshot(() => {
      const cursor = encodeCursor(feedPosition(this.#connection));
      const statement = this.#connection.prepare(CONVERSATION_QUERIES.list);
      const { taken, more } = takePage(
        statement.iterate(this.#limits.receiptMembers, userId, below, query.limit + 1, userId),
        query.limit,
      );
      const items = taken.map(toRow);
      return { items, cursor, ...(more && { next: String(items[items.length - 1]!.activity) }) };
    });
  }

  async listChanges(
    userId: string,
    query: { readonly limit: number; readonly cursor: string },
  ): Promise<ConversationChanges> {
    const { taken, cursor, more } = await this.#connection.snapshot(() => {
      const since = decodeCursor(this.#connection, query.cursor);
      const now = feedPosition(this.#connection);
      const statement = this.#connection.prepare(CONVERSATION_QUERIES.listChanges);
      const { taken, more } = takePage(
        statement.iterate(this.#limits.receiptMembers, userId, since, query.limit + 1, userId),
        query.limit,
      );
      const reached = more ? { ...now, change: taken[taken.length - 1]!.change } : now;
      return { taken, cursor: encodeCursor(reached), more };
    });
    return { rows: await this.#latest.rows(taken), cursor, more };
  }

  async participation(
    userId: string | undefined,
    conversationId: string,
  ): Promise<Participation | undefined> {
    return this.#connection.run(() => {
      const raw =
        userId === undefined
          ? this.#one<RawParticipation>("ownParticipation", conversationId)
          : this.#one<RawParticipation>("participation", userId, conversationId);
      return raw && toParticipation(raw);
    });
  }

  async members(
    conversationId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<Member>> {
    return this.#connection.run(() => {
      const found = this.#all<Member>("members", conversationId, query.page ?? "", query.limit + 1);
      return pageOf(found, query.limit, ({ userId }) => userId);
    });
  }

  async roles(conversationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Role>> {
    return this.#connection.run(() => {
      const rows = this.#all<{ user: string; role: Role }>("roles", JSON.stringify(userIds), conversationId);
      return new Map(rows.map(({ user, role }) => [user, role]));
    });
  }

  async firstInLine(conversationId: string, besides: readonly string[]): Promise<string | undefined> {
    return this.#connection.run(
      () => this.#one<{ user: string }>("firstInLine", conversationId, JSON.stringify(besides))?.user,
    );
  }

  async memberOf(
    userId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberOf>> {
    return this.#connection.run(() => {
      const found = this.#all<MemberOf>("memberOf", userId, query.page ?? "", query.limit + 1);
      return pageOf(found, query.limit, ({ conversationId }) => conversationId);
    });
  }

  async users(userIds: readonly string[]): Promise<readonly UserProfile[]> {
    return this.#connection.run(() => this.#all<RawUser>("users", JSON.stringify(userIds)).map(toProfile));
  }

  async setUser(profile: Omit<UserProfile, "version">): Promise<UserProfile> {
    const { userId, name, avatarUrl, data } = profile;
    return this.#commits.write((states) => {
      const raw = this.#one<RawUser>("users", JSON.stringify([userId]));
      const before = raw && toProfile(raw);
      if (before?.name === name && before?.avatarUrl === avatarUrl && before && sameJson(before.data, data)) {
        return before;
      }
      const version = (before?.version ?? 0) + 1;
      const json = data === undefined ? null : JSON.stringify(data);
      this.#connection
        .prepare(CONVERSATION_QUERIES.setUser)
        .run(userId, version, states.nextChange(), name ?? null, avatarUrl ?? null, json);
      return { ...profile, version };
    });
  }

  async privacies(userIds: readonly string[]): Promise<ReadonlyMap<string, UserPrivacy>> {
    return this.#connection.run(() => {
      const found = this.#all<RawPrivacy>("privacies", JSON.stringify(userIds));
      return new Map(found.map((raw) => [raw.userId, toPrivacy(raw)]));
    });
  }

  async setPrivacy(userId: string, change: PrivacyChange): Promise<UserPrivacy> {
    return this.#commits.write((states) => {
      const raw = this.#one<RawPrivacy>("privacies", JSON.stringify([userId]));
      const before = raw ? toPrivacy(raw) : DEFAULT_PRIVACY;
      const next = changePrivacy(before, change);
      if (next === before) return before;
      const { version, typing, readReceipts } = next;
      this.#connection
        .prepare(CONVERSATION_QUERIES.setPrivacy)
        .run(userId, states.nextChange(), version, Number(typing), Number(readReceipts));
      const { block = [], unblock = [] } = change;
      this.#connection.prepare(CONVERSATION_QUERIES.block).run(userId, JSON.stringify(block));
      this.#connection.prepare(CONVERSATION_QUERIES.unblock).run(userId, JSON.stringify(unblock));
      return next;
    });
  }

  async blocks(userId: string, others: readonly string[]): Promise<Blocks> {
    const wanted = JSON.stringify(others);
    return this.#connection.run(() =>
      toBlocks(userId, this.#all<RawBlock>("blocks", wanted, userId, wanted, userId)),
    );
  }

  async setLastActive(users: readonly { readonly userId: string; readonly at: number }[]): Promise<void> {
    const last = JSON.stringify(users.map(({ userId, at }) => [userId, at]));
    await this.#commits.write(() => {
      this.#connection.prepare(CONVERSATION_QUERIES.setLastActive).run(last);
    });
  }

  async setInvisible(userId: string, invisible: boolean): Promise<void> {
    await this.#commits.write(() => {
      this.#connection.prepare(CONVERSATION_QUERIES.setInvisible).run(userId, Number(invisible));
    });
  }

  async presences(userIds: readonly string[]): Promise<ReadonlyMap<string, KeptPresence>> {
    return this.#connection.run(() => {
      const rows = this.#all<{ userId: string; lastActiveAt: number | null; invisible: number }>(
        "presences",
        JSON.stringify(userIds),
      );
      return new Map(
        rows.map(({ userId, lastActiveAt, invisible }) => [
          userId,
          { ...(lastActiveAt !== null && { lastActiveAt }), invisible: invisible === 1 },
        ]),
      );
    });
  }

  async acquaintances(userId: string, userIds: readonly string[]): Promise<readonly string[]> {
    return this.#connection.run(() =>
      this.#all<{ userId: string }>("acquaintances", JSON.stringify(userIds), userId).map(
        (row) => row.userId,
      ),
    );
  }

  async position(): Promise<string> {
    return this.#connection.run(() => encodeCursor(feedPosition(this.#connection)));
  }

  async changes({
    limit,
    cursor,
  }: {
    readonly limit: number;
    readonly cursor: string;
  }): Promise<StoreChanges> {
    return this.#connection.snapshot(() => {
      const since = decodeCursor(this.#connection, cursor);
      const now = feedPosition(this.#connection);
      const conversations = this.#all<{
        conversationId: string;
        head: number;
        fingerprint: number;
        change: number;
        membershipMoved: number;
        receiptsMoved: number;
        redacted: number;
        pruned: number;
      }>("changedConversations", since, since, since, since, since, limit + 1);
      const users = this.#all<{ userId: string; change: number }>("changedUsers", since, limit + 1);
      // Both are read to the limit, so the page's end among them is where `limit` of both are taken.
      const order = [...conversations, ...users]
        .map(({ change }) => change)
        .sort((left, right) => left - right);
      const more = order.length > limit;
      const through = more ? order[limit - 1]! : now.change;
      return {
        conversations: conversations
          .filter(({ change }) => change <= through)
          .map(({ conversationId, head, fingerprint, membershipMoved, receiptsMoved, redacted, pruned }) => ({
            conversationId,
            head,
            fingerprint,
            membershipMoved: membershipMoved === 1,
            receiptsMoved: receiptsMoved === 1,
            redacted: redacted === 1,
            pruned: pruned === 1,
          })),
        users: users.filter(({ change }) => change <= through).map(({ userId }) => userId),
        boot: now.boot,
        cursor: encodeCursor({ ...now, change: through }),
        more,
      };
    });
  }

  #one<T>(query: keyof typeof CONVERSATION_QUERIES, ...parameters: (string | number)[]): T | undefined {
    return this.#connection.prepare(CONVERSATION_QUERIES[query]).get(...parameters) as T | undefined;
  }

  #all<T>(query: keyof typeof CONVERSATION_QUERIES, ...parameters: (string | number)[]): T[] {
    return this.#connection.prepare(CONVERSATION_QUERIES[query]).all(...parameters) as T[];
  }
}
