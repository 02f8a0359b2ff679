import {
  type ConversationRow,
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
import { activityOf, encodeCursor } from "./feed-cursor.js";
import type { LatestElsewhere } from "./latest-elsewhere.js";
import { pageOf } from "./page-of.js";
import { type RawParticipation, toParticipation } from "./raw-participation.js";
import { type RawBlock, type RawPrivacy, toBlocks, toPrivacy } from "./raw-privacy.js";
import { type RawRow, takePage, toRow } from "./raw-row.js";
import { type RawUser, toProfile } from "./raw-user.js";
import type { SqlEngine } from "./sql-engine.js";
import { cursorBehind, feedRows } from "./sql-feed.js";
import { type ReceiptLimits, SqlReceipts } from "./sql-receipts.js";

type Reserved = Awaited<ReturnType<ConversationStore["reserve"]>>;

/** A row of the store-wide feed: a conversation, or a user (without a head). */
interface RawChange {
  readonly moved: number | null;
  readonly id: string;
  readonly head: number | null;
  readonly fingerprint: number | null;
  readonly membershipMoved: number | boolean | null;
  readonly receiptsMoved: number | boolean | null;
  readonly redacted: number | boolean | null;
  readonly pruned: number | boolean | null;
}

/** The conversation store on a SQL server, see {@link ConversationStore}. */
export class SqlConversationStore implements ConversationStore {
  readonly #engine: SqlEngine;
  readonly #limits: ReceiptLimits;
  readonly #receipts: SqlReceipts;
  readonly #latest: LatestElsewhere;
  readonly #told: (position: number) => void;

  /** @param told hears of the newest change number, as the change feed tells it */
  constructor(
    engine: SqlEngine,
    limits: ReceiptLimits,
    latest: LatestElsewhere,
    told: (position: number) => void,
  ) {
    this.#engine = engine;
    this.#told = told;
    this.#limits = limits;
    this.#latest = latest;
    this.#receipts = new SqlReceipts(engine, limits);
  }

  async reserve(conversation: NewConversation): Promise<Reserved> {
    const { conversationId, type, creatorId, pair, name, data, createdAt } = conversation;
    const { historyVisibility = "joined" } = conversation;
    const [low = null, high = null] = pair === undefined ? [] : [...pair].sort();
    const json = data === undefined || Object.keys(data).length === 0 ? null : JSON.stringify(data);
    const values = [conversationId, type, creatorId, low, high, name || null, json, createdAt];
    // Whoever is second waits for the first one's commit, so what is there can be read afterwards.
    const [mine] = await this.#engine.read("reserve", [...values, historyVisibility]);
    if (mine !== undefined) return { conversationId, reserved: true, type, creatorId };
    const [there] = await this.#engine.read<Omit<Reserved, "reserved">>("reserved", [
      conversationId,
      low,
      high,
    ]);
    return { ...there!, reserved: false };
  }

  async row(userId: string | undefined, conversationId: string): Promise<ConversationRow | undefined> {
    const [raw] =
      userId === undefined
        ? await this.#engine.read<RawRow>("ownRow", [conversationId, this.#limits.receiptMembers])
        : await this.#engine.read<RawRow>("row", [userId, conversationId, this.#limits.receiptMembers]);
    return raw && this.#latest.row(raw);
  }

  async rows(
    conversationId: string,
    userIds: readonly string[],
  ): Promise<ReadonlyMap<string, ConversationRow>> {
    const found = await this.#engine.read<RawRow & { readonly userId: string }>("rows", [
      userIds,
      conversationId,
      this.#limits.receiptMembers,
    ]);
    const rows = await this.#latest.rows(found);
    return new Map(found.map(({ userId }, index) => [userId, rows[index]!]));
  }

  advanceReceipts(advances: readonly ReceiptAdvance[]): Promise<readonly (AdvancedReceipt | undefined)[]> {
    return this.#receipts.advance(advances);
  }

  receipts(
    conversationId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberReceipt>> {
    return this.#receipts.page(conversationId, query);
  }

  receiptChanges(conversationId: string, cursor: string): Promise<readonly ToldReceipt[]> {
    return this.#receipts.changes(conversationId, cursor);
  }

  countReceipts(conversationId: string, messageId: number): Promise<ReceiptCounts> {
    return this.#receipts.count(conversationId, messageId);
  }

  async list(
    userId: string,
    { limit, page }: { readonly limit: number; readonly page?: string },
  ): Promise<ConversationPage> {
    const below = page === undefined ? Number.MAX_SAFE_INTEGER : activityOf(page);
    const values = () => [userId, below, limit + 1, this.#limits.receiptMembers];
    const { now, rows } = await feedRows(this.#engine, "list", undefined, values, isOwnRow);
    const { taken, more } = takePage(rows, limit);
    const items = taken.map(toRow);
    const next = more ? String(items[items.length - 1]!.activity) : undefined;
    return { items, cursor: encodeCursor(now), ...(next !== undefined && { next }) };
  }

  async listChanges(
    userId: string,
    { limit, cursor }: { readonly limit: number; readonly cursor: string },
  ): Promise<ConversationChanges> {
    const values = (since: number) => [userId, since, limit + 1, this.#limits.receiptMembers];
    const { now, rows } = await feedRows(this.#engine, "listChanges", cursor, values, isOwnRow);
    const { taken, more } = takePage(rows, limit);
    const reached = cursorBehind(now, more, taken[taken.length - 1]?.change);
    return { rows: await this.#latest.rows(taken), cursor: reached, more };
  }

  async participation(
    userId: string | undefined,
    conversationId: string,
  ): Promise<Participation | undefined> {
    const [raw] =
      userId === undefined
        ? await this.#engine.read<RawParticipation>("ownParticipation", [conversationId])
        : await this.#engine.read<RawParticipation>("participation", [userId, conversationId]);
    return raw && toParticipation(raw);
  }

  async members(
    conversationId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<Member>> {
    const found = await this.#engine.read<Member>("members", [conversationId, page, limit + 1]);
    return pageOf(found, limit, ({ userId }) => userId);
  }

  async roles(conversationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Role>> {
    const rows = await this.#engine.read<{ readonly userId: string; readonly role: Role }>("roles", [
      userIds,
      conversationId,
    ]);
    return new Map(rows.map(({ userId, role }) => [userId, role]));
  }

  async firstInLine(conversationId: string, besides: readonly string[]): Promise<string | undefined> {
    const values = [conversationId, besides];
    const [first] = await this.#engine.read<{ readonly userId: string }>("firstInLine", values);
    return first?.userId;
  }

  async memberOf(
    userId: string,
    { limit, page = "" }: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberOf>> {
    const found = await this.#engine.read<MemberOf>("memberOf", [userId, page, limit + 1]);
    return pageOf(found, limit, ({ conversationId }) => conversationId);
  }

  async users(userIds: readonly string[]): Promise<readonly UserProfile[]> {
    return (await this.#engine.read<RawUser>("users", [userIds])).map(toProfile);
  }

  async setUser(profile: Omit<UserProfile, "version">): Promise<UserProfile> {
    const { userId, name, avatarUrl, data } = profile;
    return this.#engine.transact(async (transaction) => {
      // A row without a version, so that there is one to lock; nobody sees it before this is committed.
      await transaction.all("claimUser", [userId]);
      const [raw] = await transaction.all<RawUser>("lockUser", [userId]);
      const before = toProfile(raw!);
      const isSame = before.name === name && before.avatarUrl === avatarUrl && sameJson(before.data, data);
      if (isSame && before.version > 0) return before;
      const version = before.version + 1;
      const json = data === undefined ? null : JSON.stringify(data);
      await transaction.all("setUser", [userId, version, name ?? null, avatarUrl ?? null, json]);
      return { ...profile, version };
    });
  }

  async privacies(userIds: readonly string[]): Promise<ReadonlyMap<string, UserPrivacy>> {
    const rows = await this.#engine.read<RawPrivacy>("privacies", [userIds]);
    return new Map(rows.map((raw) => [raw.userId, toPrivacy(raw)]));
  }

  setPrivacy(userId: string, change: PrivacyChange): Promise<UserPrivacy> {
    return this.#engine.transact(async (transaction) => {
      await transaction.all("claimUser", [userId]);
      const [raw] = await transaction.all<RawPrivacy>("lockPrivacy", [userId]);
      const before = toPrivacy(raw!);
      const next = changePrivacy(before, change);
      if (next === before) return before;
      const { version, typing, readReceipts } = next;
      await transaction.all("setPrivacy", [userId, version, Number(typing), Number(readReceipts)]);
      const { block = [], unblock = [] } = change;
      if (block.length > 0) await transaction.all("block", [userId, block]);
      if (unblock.length > 0) await transaction.all("unblock", [userId, unblock]);
      return next;
    });
  }

  async blocks(userId: string, others: readonly string[]): Promise<Blocks> {
    return toBlocks(userId, await this.#engine.read<RawBlock>("blocks", [userId, others]));
  }

  async setLastActive(users: readonly { readonly userId: string; readonly at: number }[]): Promise<void> {
    if (users.length === 0) return;
    await this.#engine.read("setLastActive", [users.map(({ userId }) => userId), users.map(({ at }) => at)]);
  }

  async setInvisible(userId: string, invisible: boolean): Promise<void> {
    await this.#engine.read("setInvisible", [userId, Number(invisible)]);
  }

  async presences(userIds: readonly string[]): Promise<ReadonlyMap<string, KeptPresence>> {
    const rows = await this.#engine.read<{
      readonly userId: string;
      readonly lastActiveAt: number | null;
      readonly invisible: number | boolean;
    }>("presences", [userIds]);
    return new Map(
      rows.map(({ userId, lastActiveAt, invisible }) => [
        userId,
        { ...(lastActiveAt !== null && { lastActiveAt }), invisible: Boolean(invisible) },
      ]),
    );
  }

  async acquaintances(userId: string, userIds: readonly string[]): Promise<readonly string[]> {
    const rows = await this.#engine.read<{ readonly userId: string }>("acquaintances", [userId, userIds]);
    return rows.map((row) => row.userId);
  }

  async position(): Promise<string> {
    const { now } = await feedRows(
      this.#engine,
      "position",
      undefined,
      () => [],
      () => false,
    );
    return encodeCursor(now);
  }

  async changes(query: { readonly limit: number; readonly cursor: string }): Promise<StoreChanges> {
    const { limit, cursor } = query;
    const values = (since: number) => [since, limit + 1];
    const isRow = ({ moved }: RawChange): boolean => moved !== null;
    const { now, rows } = await feedRows(this.#engine, "changes", cursor, values, isRow);
    this.#told(now.change);
    const taken = rows.slice(0, limit);
    const more = rows.length > limit;
    return {
      conversations: taken.flatMap(
        ({ id, head, fingerprint, membershipMoved, receiptsMoved, redacted, pruned }) =>
          head === null
            ? []
            : [
                {
                  conversationId: id,
                  head,
                  fingerprint: fingerprint!,
                  membershipMoved: Boolean(membershipMoved),
                  receiptsMoved: Boolean(receiptsMoved),
                  redacted: Boolean(redacted),
                  pruned: Boolean(pruned),
                },
              ],
      ),
      users: taken.flatMap(({ id, head }) => (head === null ? [id] : [])),
      boot: now.boot,
      cursor: cursorBehind(now, more, taken[taken.length - 1]?.moved ?? undefined),
      more,
    };
  }
}

function isOwnRow({ conversationId }: RawRow): boolean {
  return (conversationId as string | null) !== null;
}
