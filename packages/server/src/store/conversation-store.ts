import type {
  ConversationRow,
  ConversationType,
  HistoryVisibility,
  JsonObject,
  MemberReceipt,
  Receipt,
  Role,
  UserPrivacy,
  UserProfile,
} from "@chat/protocol";

/** A conversation that is to be reserved; it has no members until its `created` entry is appended. */
export interface NewConversation {
  readonly conversationId: string;
  readonly type: ConversationType;
  readonly creatorId: string;
  /** For a direct conversation: both users. Reserved once per pair, whoever starts it. */
  readonly pair?: readonly [string, string];
  readonly name?: string;
  readonly data?: JsonObject;
  /** `joined` if absent. */
  readonly historyVisibility?: HistoryVisibility;
  /** Wall-clock ms. */
  readonly createdAt: number;
}

/** What one user may see of one conversation. Half-open: an interval's `to` is not in it; the newest may be open. */
export interface Interval {
  readonly from: number;
  readonly to: number | undefined;
}

/** One user's participation, past or present, with the state of the conversation that goes with it. */
export interface Participation {
  readonly type: ConversationType;
  /** False for a former member. */
  readonly member: boolean;
  readonly role: Role;
  /** Ascending and disjoint; at least one. */
  readonly intervals: readonly Interval[];
  /** As in {@link Head}, read in the same snapshot. */
  readonly membershipVersion: number;
  readonly memberCount: number;
  /** What those who join from now on see of what was before them. */
  readonly historyVisibility: HistoryVisibility;
  readonly head: number;
  readonly ordinal: number;
  readonly firstId: number;
  readonly lastRedaction: number;
  /** Whether the user tells the others of this conversation that they are writing. */
  readonly typing: boolean;
  /** Of a direct conversation: the user has blocked the other one. */
  readonly blocks: boolean;
  /** Of a direct conversation: the other one has blocked the user. */
  readonly blockedBy: boolean;
}

/** A place in a log: the ordinal is the one that the entry with this id has. */
export interface LogPlace {
  readonly messageId: number;
  readonly ordinal: number;
}

/** How far a member says to have come. What is absent stays. The places exist: that is for the caller to see to. */
export interface ReceiptAdvance {
  readonly conversationId: string;
  readonly userId: string;
  readonly delivered?: number;
  readonly read?: LogPlace;
  /** Sets the mark of what is unread, or without `from` takes it off; only if its version is this one still. */
  readonly mark?: { readonly version: number; readonly from?: LogPlace };
  /** Mutes the conversation for the member until a time, wall-clock ms; 0: no longer. */
  readonly mutedUntil?: number;
  /** With `mutedUntil`: mutes messages that mention the member, too. */
  readonly mentionsMuted?: boolean;
  /** What the member tells the others of this conversation; null: as everywhere. What is absent stays. */
  readonly privacy?: { readonly typing?: boolean | null; readonly readReceipts?: boolean | null };
}

/** What a user tells others; what is absent stays. */
export type PrivacyChange = Partial<Omit<UserPrivacy, "version" | "blocked">> & {
  /** Whom to block from now on, and whom no longer. */
  readonly block?: readonly string[];
  readonly unblock?: readonly string[];
};

/** Who of some users stands in a user's way, and in whose way the user stands. */
export interface Blocks {
  /** Whom of them the user has blocked. */
  readonly blocked: readonly string[];
  /** Who of them has blocked the user. */
  readonly blockedBy: readonly string[];
}

/** A member's receipt, and how much of it the others are told. */
export interface ToldReceipt extends Receipt {
  readonly userId: string;
  /** As far as the others are told that the member has read; `read` where nothing is hidden from them. */
  readonly shownRead: number;
}

/** What an advance has come to. */
export interface AdvancedReceipt {
  readonly receipt: Receipt;
  /** As in {@link ToldReceipt}. */
  readonly shownRead: number;
  /** False if everything was so before: then nothing was written. */
  readonly moved: boolean;
  /** True if the other members are told, which `concernsOthers` says, and that there are no more than `receiptMembers`; also where nothing moved. */
  readonly shared: boolean;
}

/** How many members of a conversation have come as far as a message; its sender and those who joined later count, too. */
export interface ReceiptCounts {
  readonly members: number;
  readonly delivered: number;
  readonly read: number;
}

/** What is kept of a user's presence. */
export interface KeptPresence {
  /** Wall-clock ms; absent for a user who never was there. */
  readonly lastActiveAt?: number;
  /** True if the user does not want to be seen. */
  readonly invisible: boolean;
}

/** A member in a page of members. */
export interface Member {
  readonly userId: string;
  readonly role: Role;
  /** messageId of the entry that began the newest membership. */
  readonly joinedAt: number;
}

/** A page; `next` is absent on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** A page of the conversation list. */
export interface ConversationPage extends Page<ConversationRow> {
  /** Position of the change feed, read before the rows: {@link ConversationStore.listChanges} goes on from it. */
  readonly cursor: string;
}

/** What changed for one user. */
export interface ConversationChanges {
  /** Rows in the order of their changes, each conversation once. */
  readonly rows: readonly ConversationRow[];
  readonly cursor: string;
  /** True if more is waiting behind the cursor. */
  readonly more: boolean;
}

/** What changed in the whole store. */
export interface StoreChanges {
  /**
   * Conversations whose log or row moved; each once, with the newest head and its fingerprint (0 if there is none), and whether members
   * came or went, {@link ConversationStore.advanceReceipts} moved something, or something was redacted or pruned, since the cursor.
   */
  readonly conversations: readonly {
    readonly conversationId: string;
    readonly head: number;
    readonly fingerprint: number;
    readonly membershipMoved: boolean;
    readonly receiptsMoved: boolean;
    readonly redacted: boolean;
    readonly pruned: boolean;
  }[];
  /** Users whose profile or privacy changed. */
  readonly users: readonly string[];
  /**
   * Names what may have lost something since: another one after the engine was started anew, put back to an earlier state, or replaced by
   * another (a failover). May be another one for less; servers then compare what they have delivered.
   */
  readonly boot: string;
  readonly cursor: string;
  readonly more: boolean;
}

/** A conversation of a user, as the deliverer needs it. */
export interface MemberOf {
  readonly conversationId: string;
  readonly head: number;
  /** Fingerprint of the entry at `head`. */
  readonly fingerprint: number;
  /** The first messageId that the user may see of the newest interval. */
  readonly from: number;
}

/**
 * Conversations, participations and profiles. Participations are derived from the membership entries of the log,
 * in the order of their ids; nobody writes them otherwise.
 *
 * Cursors are opaque. They miss nothing under clock skew and late commits, and one that comes from a history which
 * the store has lost (a restored backup) is refused with `cursor_invalid`.
 * Every method rejects with ChatError `store_unavailable` when the store can't answer.
 */
export interface ConversationStore {
  /**
   * Reserves a conversation. Idempotent: the same id again, or the same pair, gives what is there.
   * Resolves to the id that holds (another one than asked for if the pair has a conversation already),
   * whether this call reserved it, and who created it.
   * The caller then appends the `created` entry with membershipVersion 0; of two who race, one is refused.
   */
  reserve(conversation: NewConversation): Promise<{
    readonly conversationId: string;
    readonly reserved: boolean;
    readonly type: ConversationType;
    readonly creatorId: string;
  }>;

  /**
   * The row of one conversation as one user sees it; undefined if the user never was a member. Without a user as an owner
   * sees it who was there from the first entry on, and has read everything: the
   * application's own view, whose `receipts` are those of all members. What is only reserved has no row yet, nor a participation.
   * A former member's row stays as it was when they left, name, data and activity too; only `firstId` and what redactions do to it move on.
   * `activity` rises with each entry that counts as unread, and with nothing else; `latest` is the newest such entry within the user's intervals.
   * Its `version` rises with every commit that changes what it says, and is never the same for two states of it.
   */
  row(userId: string | undefined, conversationId: string): Promise<ConversationRow | undefined>;

  /** The rows of one conversation as these users see it, of those who are or were members, in one read. */
  rows(conversationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, ConversationRow>>;

  /**
   * Moves members' watermarks on, all in one commit. Monotonic and idempotent: what lies below is where it is; `delivered` follows
   * `read`. Resolves in the order of the advances; undefined for a user who is no member now.
   *
   * A membership begins with all three at its first entry, so that nothing before it is unread, and with nothing marked, muted or set, whatever was before. Every message raises those of
   * its sender to itself, in the commit that stores it, and takes the sender's mark off: one's own messages are never unread.
   * In a conversation of up to `receiptMembers` members an advance changes the rows of all members, in a larger one the member's own,
   * as does one that only mutes, or that changes nothing but what is hidden from others: that concerns nobody else, and is not shared.
   *
   * What others are told of `read` (in rows, {@link receipts} and {@link countReceipts}) stays where it is while the member does
   * not tell it: by the conversation's own `privacy`, else by the user's. A message of the member's own tells it all the same.
   */
  advanceReceipts(advances: readonly ReceiptAdvance[]): Promise<readonly (AdvancedReceipt | undefined)[]>;

  /** How far the members of a conversation have come, by user id; paged. */
  receipts(
    conversationId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberReceipt>>;

  /** The receipts of those members of a conversation whom an advance has moved since a cursor of the store-wide feed. */
  receiptChanges(conversationId: string, cursor: string): Promise<readonly ToldReceipt[]>;

  /** How many members have come as far as a message. */
  countReceipts(conversationId: string, messageId: number): Promise<ReceiptCounts>;

  /**
   * The user's conversations, newest activity first, former memberships left out. A page ends early behind `LIMITS.pageBytes`, with one row at least.
   * @throws ChatError `cursor_invalid` for a page that is none
   */
  list(userId: string, query: { readonly limit: number; readonly page?: string }): Promise<ConversationPage>;

  /** The user's conversations that changed since a cursor, also those that the user has left since. A page ends early as in {@link list}. */
  listChanges(
    userId: string,
    query: { readonly limit: number; readonly cursor: string },
  ): Promise<ConversationChanges>;

  /** A user's participation in one conversation; undefined if the user never was a member. Without a user as in {@link row}. */
  participation(userId: string | undefined, conversationId: string): Promise<Participation | undefined>;

  /** Members by user id. */
  members(
    conversationId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<Member>>;

  /** Which of these users are members now, with their roles. */
  roles(conversationId: string, userIds: readonly string[]): Promise<ReadonlyMap<string, Role>>;

  /**
   * The member, besides those named, who is first in line for a group: its owner, else the admin, else the member who
   * has been there longest; of two who came together the one with the lower user id. Undefined if nobody is left.
   */
  firstInLine(conversationId: string, besides: readonly string[]): Promise<string | undefined>;

  /** The conversations that a user is a member of now, by id; paged. */
  memberOf(
    userId: string,
    query: { readonly limit: number; readonly page?: string },
  ): Promise<Page<MemberOf>>;

  /** Profiles of those users that have one. */
  users(userIds: readonly string[]): Promise<readonly UserProfile[]>;

  /** Replaces a profile and raises its version; one that says the same, in whatever order of its keys, keeps its version. */
  setUser(profile: Omit<UserProfile, "version">): Promise<UserProfile>;

  /** What those of these users tell others who have ever set it. */
  privacies(userIds: readonly string[]): Promise<ReadonlyMap<string, UserPrivacy>>;

  /**
   * Sets what a user tells others, and whom the user blocks; a change is one of the user in the store-wide feed. Resolves to what is kept now.
   * @throws ChatError `limit_exceeded` for more than `LIMITS.blockedUsers` blocked users
   */
  setPrivacy(userId: string, change: PrivacyChange): Promise<UserPrivacy>;

  /** Who of these others is blocked by a user, and who blocks the user. */
  blocks(userId: string, others: readonly string[]): Promise<Blocks>;

  /** Notes when users were there last; never moves back. Not part of the change feeds. */
  setLastActive(users: readonly { readonly userId: string; readonly at: number }[]): Promise<void>;

  /** Notes whether a user wants to be seen. */
  setInvisible(userId: string, invisible: boolean): Promise<void>;

  /** What is kept of these users; those of whom nothing is are left out. */
  presences(userIds: readonly string[]): Promise<ReadonlyMap<string, KeptPresence>>;

  /** Those of these users who are members of a conversation that the user is a member of, now; each once. */
  acquaintances(userId: string, userIds: readonly string[]): Promise<readonly string[]>;

  /** The position of the store-wide feed now. */
  position(): Promise<string>;

  /** The store-wide feed: what moved since a position. */
  changes(query: { readonly limit: number; readonly cursor: string }): Promise<StoreChanges>;
}
