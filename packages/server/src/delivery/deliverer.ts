import type { Runtime, ServerCodec, UserPrivacy } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { ConversationStore } from "../store/conversation-store.js";
import type { MessageStore, ReadQuery } from "../store/message-store.js";
import type { StoredEntry } from "../store/stored-entry.js";
import type { Envelope } from "./envelope.js";
import { GapReader } from "./gap-reader.js";
import { LargeGroup, type LargeGroupSettings } from "./large-group.js";
import type { Presence } from "./presence/presence.js";
import { ProfileWatch } from "./profile-watch.js";
import { type MovedReceipts, ReceiptSender } from "./receipt-sender.js";
import type { Recipient } from "./recipient.js";
import { type RowReceiver, RowSender } from "./row-sender.js";
import { lacks, type LogPosition, StoreComparison } from "./store-comparison.js";
import { Track } from "./track.js";
import type { Typing } from "./typing.js";

/** ms for each member over which devices spread their asking for news, and the most of it. */
const SPREAD_PER_MEMBER = 0.5;
const LONGEST_SPREAD = 10_000;
/** Conversations per page when a session's tracks are laid. */
const MEMBER_OF_PAGE = 1_000;
/** What the deliverer works with. */
export interface DelivererOptions {
  readonly runtime: Runtime;
  readonly messages: MessageStore;
  readonly conversations: ConversationStore;
  readonly codec: Pick<ServerCodec, "encode" | "encodeRun" | "share">;
  /** Delivers at the end of the turn what it has stored. */
  readonly atEndOfTurn: (deliver: () => void) => void;
  /** Hands runs that this server stored to the other servers. Absent where there is only this one. */
  readonly announce?: (envelope: Envelope) => void;
  /** Users of this server were found to have become members of a conversation, by the store: perhaps nobody could tell the registry. */
  readonly foundMembers?: (conversationId: string, userIds: readonly string[]) => void;
  /** Up to so many members of a conversation are told how far each other has come. */
  readonly receiptMembers: number;
  readonly largeGroups: LargeGroupSettings;
  /** Who is there: of two of whom one has blocked the other none sees the other. */
  readonly presence?: Pick<Presence, "blocked" | "watchedAmong">;
  /** As `announce`, for receipts that this server has stored. */
  readonly announceReceipts?: (moved: MovedReceipts) => void;
}

/** How far a log was delivered here, and the first id of it that a user may see who is a member there. */
export interface DeliveredTo {
  readonly head: number;
  readonly from: number;
}

/** A user with sessions on this server. */
interface LocalUser extends RowReceiver {
  recipients: readonly Recipient[];
  /** The tracks of the user's conversations, those in which the user is a member. */
  readonly tracks: Track[];
  /** The version of the user's privacy that the sessions were told. */
  privacyVersion: number;
  /** The newest that is known of it; undefined until it was read. */
  privacy: UserPrivacy | undefined;
  /** While the tracks are laid; resolves when all of them are. */
  laying: Promise<void> | undefined;
}

/**
 * Brings what was stored to the sessions of this server: each entry once, in order, to its conversation's members.
 * Hints (from this server's appends, from fan-out, from the change feed) may come in any order, doubled or not at all.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #tracks = new Map<string, Track>();
  readonly #users = new Map<string, LocalUser>();
  readonly #rows: RowSender;
  readonly #gaps: GapReader;
  readonly #comparison: StoreComparison;
  /** Who wants to hear of whose profile. */
  readonly profiles: ProfileWatch;
  /** Tells how far members have come. */
  readonly receipts: ReceiptSender;
  #published = new Map<string, StoredEntry[]>();
  /** Tracks of which nobody is here any more, kept until the change feed has told of all that they delivered: since its last look, and before. */
  #emptied = new Set<Track>();
  #emptiedBefore = new Set<Track>();
  #runs = 0;
  #closed = false;

  constructor(options: DelivererOptions) {
    this.#options = options;
    const encode: ServerCodec["encode"] = (frame) => options.codec.encode(frame);
    this.#rows = new RowSender(options.runtime, options, encode);
    const { runtime, messages } = options;
    const isLive = (track: Track): boolean => this.#isLive(track);
    this.#gaps = new GapReader({ runtime, messages, isLive, filled: (track) => this.#dropIfEmpty(track) });
    this.#comparison = new StoreComparison({
      messages,
      isLive,
      lost: (track) => this.#lost(track),
      reach: (conversationId, position) => this.reach(conversationId, position),
    });
    this.profiles = new ProfileWatch(encode);
    this.receipts = new ReceiptSender(encode, {
      members: (conversationId) => this.#tracks.get(conversationId)?.members,
      announce: (moved) => options.announceReceipts?.(moved),
    });
  }

  /** How many sessions are attached, and conversations tracked. For metrics and tests. */
  get size(): { readonly users: number; readonly tracks: number } {
    return { users: this.#users.size, tracks: this.#tracks.size };
  }

  /** The users with a session on this server. */
  get userIds(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** How many runs were delivered so far: a position in what {@link movedSince} tells. */
  get runs(): number {
    return this.#runs;
  }

  /**
   * The conversations of which a user was delivered something since a position, in the order in which they last were: at most `limit` of them,
   * with their heads, and the position that they reach.
   * @param begun where the session began: what was delivered up to there is named once more when its row has seen it
   */
  movedSince(
    userId: string,
    position: number,
    limit: number,
    begun: number,
  ): {
    readonly heads: { conversationId: string; head: number }[];
    readonly position: number;
    readonly more: boolean;
  } {
    const at = ({ movedAt, seenAt }: Track): number => (movedAt > begun ? movedAt : seenAt);
    const tracks = this.#users.get(userId)?.tracks ?? [];
    const moved = tracks.filter((track) => at(track) > position).sort((a, b) => at(a) - at(b));
    const told = moved.slice(0, limit);
    const more = moved.length > told.length;
    return {
      heads: told.map(({ conversationId, head }) => ({ conversationId, head })),
      position: more ? at(told[told.length - 1]!) : this.#runs,
      more,
    };
  }

  /** True if everything that a user is to be told was handed to the user's sessions. */
  isSettled(userId: string): boolean {
    return this.#users.get(userId)?.rowsUnderWay === 0;
  }

  /** The head that was delivered of a tracked conversation. */
  headOf(conversationId: string): number | undefined {
    return this.#tracks.get(conversationId)?.head;
  }

  /**
   * Begins delivery to a session. When it resolves, everything stored from now on will reach it;
   * what was stored before is for the device to ask. Some may reach it earlier.
   * @throws ChatError `store_unavailable`
   */
  async attach(recipient: Recipient): Promise<void> {
    const { userId } = recipient;
    let user = this.#users.get(userId);
    if (user === undefined) {
      // Known before the store is read: an entry that adds the user meanwhile finds the session here.
      user = {
        userId,
        recipients: [recipient],
        tracks: [],
        laying: undefined,
        rowsUnderWay: 0,
        privacyVersion: 0,
        privacy: undefined,
      };
      this.#users.set(userId, user);
      user.laying = this.#layTracksOf(userId, user);
    } else {
      user.recipients = [...user.recipients, recipient];
    }
    try {
      await user.laying;
    } catch (error) {
      this.detach(recipient);
      throw error;
    }
  }

  async #layTracksOf(userId: string, user: LocalUser): Promise<void> {
    let page: string | undefined;
    do {
      const { items, next } = await this.#options.conversations.memberOf(userId, {
        limit: MEMBER_OF_PAGE,
        ...(page !== undefined && { page }),
      });
      for (const { conversationId, head, fingerprint, from } of items) {
        if (this.#users.get(userId) !== user) return;
        await this.#follow(userId, conversationId, { head, fingerprint }, from);
      }
      page = next;
    } while (page !== undefined);
    user.laying = undefined;
  }

  /**
   * Adds a user to the track of a conversation of which the store, at some head, said that they are a member.
   * @throws ChatError `store_unavailable`
   */
  async #follow(userId: string, conversationId: string, at: LogPosition, visibleFrom: number): Promise<void> {
    let [known, from] = [at, visibleFrom];
    for (;;) {
      const track = this.#tracks.get(conversationId);
      // What was read is older than what was delivered: the membership may have ended in between.
      if (track === undefined || track.head <= known.head) break;
      // It may be the row that is behind: whoever asks for the head has it brought up.
      if (await this.#comparison.hasLost(track)) this.#lost(track);
      const now = await this.#options.conversations.row(userId, conversationId);
      if (now?.member !== true) return;
      [known, from] = [{ head: now.head, fingerprint: now.headFingerprint }, now.visibleFrom];
    }
    const user = this.#users.get(userId);
    if (user === undefined) return;
    const track = this.#tracks.get(conversationId) ?? this.#lay(conversationId, known);
    if (track.hasMember(userId)) return;
    track.add(userId, from, user);
    user.tracks.push(track);
  }

  /** Ends delivery to a session. */
  detach(recipient: Recipient): void {
    const user = this.#users.get(recipient.userId);
    if (user !== undefined && this.#isAttached(recipient)) {
      user.recipients = user.recipients.filter((other) => other !== recipient);
      if (user.recipients.length === 0) this.#forget(user);
    }
    this.profiles.forget(recipient);
  }

  #isAttached(recipient: Recipient): boolean {
    return this.#users.get(recipient.userId)?.recipients.includes(recipient) === true;
  }

  #forget({ userId, tracks }: LocalUser): void {
    this.#users.delete(userId);
    for (const track of tracks) {
      track.remove(userId);
      this.#dropIfEmpty(track);
    }
  }

  /** Delivers entries that this server has stored, and tells the other servers. Those of one turn go together. */
  publish(entries: readonly StoredEntry[]): void {
    if (this.#published.size === 0) this.#options.atEndOfTurn(() => this.#flush());
    for (const entry of entries) {
      const track = this.#tracks.get(entry.conversationId);
      // Before anybody is told that it is stored: on top of what was lost nobody would find that out.
      if (track?.fits(entry) === false) this.#lost(track);
      const run = this.#published.get(entry.conversationId);
      if (run === undefined) this.#published.set(entry.conversationId, [entry]);
      else run.push(entry);
    }
  }

  #flush(): void {
    const published = this.#published;
    this.#published = new Map();
    for (const [conversationId, run] of published) {
      run.sort((a, b) => a.messageId - b.messageId);
      const head = run[run.length - 1]!.messageId;
      this.receive({ conversationId, head, entries: run });
      this.#options.announce?.({ conversationId, head, entries: run });
    }
  }

  /** Takes a hint, from wherever. */
  receive({ conversationId, head, entries }: Envelope): void {
    const track = this.#tracks.get(conversationId) ?? this.#layForNewMembers(conversationId, entries);
    if (track === undefined) return;
    track.take(entries);
    if (head > track.wanted) track.wanted = head;
    if (track.wanted > track.head) void this.#gaps.fill(track, entries.length === 0);
    else this.#dropIfEmpty(track);
  }

  /**
   * Brings a tracked conversation up to a head that the store told; resolves when it is there, or was dropped.
   * A head below what was delivered, or another entry there, means that the store has lost history: everybody syncs anew.
   * @throws ChatError `store_unavailable`
   */
  async reach(conversationId: string, { head, fingerprint }: LogPosition): Promise<void> {
    const track = this.#tracks.get(conversationId);
    if (track === undefined) return;
    if (lacks(track, { head, fingerprint })) {
      if (await this.#comparison.hasLost(track)) this.#lost(track);
      return;
    }
    // Where the log lies in another store, it may have been delivered before its row had seen it, and who connected in between was listed
    // that row: their next pong tells them.
    if (head === track.head && track.rowHead < head) track.seenAt = ++this.#runs;
    track.rowHead = head;
    if (head > track.wanted) track.wanted = head;
    return this.#gaps.catchUp(track);
  }

  /** All that was delivered is to be compared with the store: see {@link compare}. */
  beginComparing(): void {
    this.#comparison.begin(this.#tracks.values());
  }

  /** True while something of that was not compared yet. */
  get isComparing(): boolean {
    return this.#comparison.isUnderWay;
  }

  /**
   * Compares some of it. If the store has lost anything, every device syncs anew.
   * @throws ChatError `store_unavailable`, and nothing is skipped
   */
  compare(): Promise<void> {
    return this.#comparison.compare();
  }

  /** The change feed has told of all that was delivered before this was called last. */
  told(): void {
    const emptied = this.#emptiedBefore;
    this.#emptiedBefore = this.#emptied;
    this.#emptied = new Set();
    for (const track of emptied) if (track.isEmpty && this.#isLive(track)) this.#drop(track);
  }

  /**
   * The store has lost something of what this track has delivered, and so perhaps of others: who was removed by what is lost is a member
   * again, whom no track knows.
   */
  #lost(track: Track): void {
    if (!this.#isLive(track)) return;
    const { conversationId, head } = track;
    this.#options.runtime.log("error", "store_lost_history", { conversationId, delivered: head });
    this.resyncAll();
  }

  /**
   * Adds users of this server who, by the store, have become members of a conversation to its track, laying it if need be.
   * @param redacted something was redacted: former members, to whom no track tells anything, are told, too
   * @throws ChatError `store_unavailable`
   */
  async discover(conversationId: string, redacted = false): Promise<void> {
    const { conversations } = this.#options;
    const track = this.#tracks.get(conversationId);
    const userIds = this.userIds.filter((userId) => track?.hasMember(userId) !== true);
    const found: string[] = [];
    for (let at = 0; at < userIds.length; at += LIMITS.membersPerRequest) {
      const some = userIds.slice(at, at + LIMITS.membersPerRequest);
      for (const [userId, row] of await conversations.rows(conversationId, some)) {
        if (row.member) {
          const known = { head: row.head, fingerprint: row.headFingerprint };
          await this.#follow(userId, conversationId, known, row.visibleFrom);
          found.push(userId);
        }
        if (row.member || redacted) this.sendRow(userId, conversationId);
      }
    }
    if (found.length > 0) this.#options.foundMembers?.(conversationId, found);
  }

  /** Tells of the receipts that by the store have moved since a cursor, as far as nobody told yet. @throws ChatError `store_unavailable` */
  async discoverReceipts(conversationId: string, cursor: string): Promise<void> {
    if (!this.#tracks.has(conversationId)) return;
    const { conversations, receiptMembers } = this.#options;
    const receipts = await conversations.receiptChanges(conversationId, cursor);
    if (!this.receipts.isNews(conversationId, receipts)) return;
    const { memberCount = 0 } = (await conversations.participation(undefined, conversationId)) ?? {};
    this.receipts.receive({ conversationId, receipts, shared: memberCount <= receiptMembers });
  }

  /** Notes what the store says that a user tells others; the session that has read it tells its device. */
  privacyRead(userId: string, privacy: UserPrivacy): void {
    const user = this.#users.get(userId);
    if (user !== undefined && privacy.version >= (user.privacy?.version ?? 0)) user.privacy = privacy;
  }

  /** Whom a user has blocked; undefined if the user is not here. */
  blockedBy(userId: string): readonly string[] | undefined {
    return this.#users.get(userId)?.privacy?.blocked;
  }

  /** Tells the user's sessions what the user tells others now, unless they know. */
  privacyChanged(userId: string, privacy: UserPrivacy): void {
    this.#options.presence?.blocked(userId, new Set(privacy.blocked));
    this.privacyRead(userId, privacy);
    const user = this.#users.get(userId);
    if (user === undefined || privacy.version <= user.privacyVersion) return;
    user.privacyVersion = privacy.version;
    const frame = this.#options.codec.encode({ type: "privacy-changed", privacy });
    for (const recipient of user.recipients) recipient.deliver(frame);
  }

  /** As {@link privacyChanged} for those of these users who are here or watched here, by the store. @throws ChatError `store_unavailable` */
  async discoverPrivacy(userIds: readonly string[]): Promise<void> {
    const watched = new Set(this.#options.presence?.watchedAmong(userIds));
    const concerned = userIds.filter((userId) => this.#users.has(userId) || watched.has(userId));
    if (concerned.length === 0) return;
    const privacies = await this.#options.conversations.privacies(concerned);
    for (const [userId, privacy] of privacies) this.privacyChanged(userId, privacy);
  }

  /** Tells a session of changes to these users' profiles from now on, unless it has ended. */
  watchProfiles(recipient: Recipient, userIds: readonly string[]): void {
    // Nobody would forget it again.
    if (this.#isAttached(recipient)) this.profiles.watch(recipient, userIds);
  }

  /** Tells the other members who are here that one is writing, but those of two of whom one has blocked the other. */
  typing({ userId, hiddenFrom, ...typing }: Typing): void {
    const frame = this.#options.codec.encode({ type: "typing-changed", userId, ...typing });
    for (const [member, { user }] of this.#tracks.get(typing.conversationId)?.members ?? []) {
      if (member === userId || hiddenFrom.includes(member)) continue;
      if (this.blockedBy(member)?.includes(userId)) continue;
      for (const recipient of user.recipients) recipient.offer(frame);
    }
  }

  /** Sends a user's row of a conversation to the user's sessions. @param isMember whether the user is one by what was just delivered */
  sendRow(userId: string, conversationId: string, isMember?: boolean): void {
    const user = this.#users.get(userId);
    if (user !== undefined) this.#rows.send(user, conversationId, isMember);
  }

  /** Something of a conversation was deleted: the members who are here get their rows, in the background. */
  pruned(conversationId: string): void {
    const members = [...(this.#tracks.get(conversationId)?.members.keys() ?? [])];
    this.#rows.sendPaced(
      members.flatMap((userId) => this.#users.get(userId) ?? []),
      conversationId,
    );
  }

  /** Has every device sync anew: the store has lost history. Nothing is delivered on top of what is lost. */
  resyncAll(): void {
    const users = [...this.#users.values()];
    // Who connects again is attached anew, also while the end of an older session is still to be heard of.
    users.forEach((user) => this.#forget(user));
    for (const track of this.#tracks.values()) this.#drop(track);
    this.#comparison.begin([]);
    for (const { recipients } of users) for (const recipient of recipients) recipient.resync();
  }

  /** Delivers nothing any more. */
  close(): void {
    this.#closed = true;
    this.#rows.close();
    for (const track of this.#tracks.values()) track.end();
    this.#tracks.clear();
    this.#users.clear();
    this.profiles.clear();
  }

  #lay(conversationId: string, { head, fingerprint }: LogPosition): Track {
    const track: Track = new Track(conversationId, head, fingerprint, {
      encodeRun: (frame) => this.#options.codec.encodeRun(frame),
      share: (entries) => this.#options.codec.share(entries),
      count: () => ++this.#runs,
      largeGroupOnline: this.#options.largeGroups.largeGroupOnline,
      largeGroup: (large) => {
        const { runtime, largeGroups } = this.#options;
        return new LargeGroup(runtime.clock, largeGroups, () => this.#tellHead(large));
      },
      joined: (userId, joined) => {
        const user = this.#users.get(userId);
        user?.tracks.push(joined);
        if (user !== undefined) this.sendRow(userId, conversationId, true);
        return user;
      },
      left: (userId, left) => {
        const tracks = this.#users.get(userId)?.tracks;
        const at = tracks?.indexOf(left) ?? -1;
        if (at !== -1) tracks!.splice(at, 1);
        this.sendRow(userId, conversationId, false);
      },
      diverged: (other) => this.#lost(other),
    });
    this.#tracks.set(conversationId, track);
    return track;
  }

  /** A conversation without a track begins to matter when an entry adds somebody who is here. */
  #layForNewMembers(conversationId: string, entries: readonly StoredEntry[]): Track | undefined {
    for (const entry of entries) {
      const members: unknown = entry.data?.["members"];
      if (entry.kind !== "created" && entry.kind !== "members-added") continue;
      if (!Array.isArray(members) || !members.some((userId) => this.#users.has(userId as string))) continue;
      const head = entry.messageId - 1;
      return this.#lay(conversationId, { head, fingerprint: head === 0 ? 0 : undefined });
    }
    return undefined;
  }

  /** What the store would answer, as far as it is kept for many who ask; undefined: ask the store. */
  readRecent({ conversationId, ...query }: ReadQuery): readonly StoredEntry[] | undefined {
    return this.#tracks.get(conversationId)?.recent?.read(query);
  }

  /** How far a conversation was delivered whose new entries are kept, and the first id that a user may see who is here and a member. */
  recentTo(userId: string, conversationId: string): DeliveredTo | undefined {
    const track = this.#tracks.get(conversationId);
    const from = track?.visibleFrom(userId);
    return track?.recent === undefined || from === undefined ? undefined : { head: track.head, from };
  }

  /** Tells all who are here that there is news. What gives way to more important things, the next pong tells. */
  #tellHead({ conversationId, head, members }: Track): void {
    const spread = Math.min(LONGEST_SPREAD, Math.round(members.size * SPREAD_PER_MEMBER));
    const frame = this.#options.codec.encode({ type: "head-moved", conversationId, head, spread });
    for (const { user } of members.values()) {
      for (const recipient of user.recipients) recipient.offer(frame);
    }
  }

  #dropIfEmpty(track: Track): void {
    if (!track.isEmpty || !this.#isLive(track)) return;
    // The store may lose what has removed the last member: without a track nobody would notice.
    if (track.rowHead < track.head) this.#emptied.add(track);
    else this.#drop(track);
  }

  #drop(track: Track): void {
    this.#tracks.delete(track.conversationId);
    track.end();
    this.receipts.forget(track.conversationId);
  }

  #isLive(track: Track): boolean {
    return !this.#closed && this.#tracks.get(track.conversationId) === track;
  }
}
