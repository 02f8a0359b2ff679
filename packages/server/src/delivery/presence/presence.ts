import type { Cancel, Runtime, ServerCodec, UserPresence } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { ServerIdentity } from "../../registry/registry.js";
import type { ConversationStore } from "../../store/conversation-store.js";
import type { Recipient } from "../recipient.js";
import { LocalPresence } from "./local-presence.js";
import { joined, PeerPresence } from "./peer-presence.js";
import { decodePresence, encodePresence } from "./presence-envelope.js";
import type { PresenceState } from "./presence-state.js";
import { PresenceWatch } from "./presence-watch.js";

/** ms over which changes are gathered: one who comes and goes within it costs nothing, and a storm of reconnects one read. */
const GATHER = 250;
/** ms after which the store is told again when those who are online were there last: so much a crash can lose of it. */
const KEEP_EVERY = 60_000;
/** ms after which it is looked at again who may see whom. */
const REVIEW_EVERY = 300_000;
/** Failures after which the next look is waited for. */
const REVIEW_FAILURES = 10;
/** Users in one statement. */
const BATCH = 1_000;

/** What presence works with. */
export interface PresenceOptions {
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly conversations: Pick<ConversationStore, "presences" | "setLastActive">;
  readonly encode: ServerCodec["encode"];
  readonly identity: ServerIdentity;
  /** ms without a sign of life after which a user, or a server, is gone. */
  readonly offlineAfter: number;
  /** ms between two signs of life of a server. */
  readonly heartbeat: number;
  /** Whom of these users one may see; those only, and the user among them. */
  mayObserve(userId: string, userIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** All live servers; absent where there is only this one. */
  readonly servers?: () => Promise<readonly string[]>;
  /** Sends to other servers. */
  readonly send?: (serverIds: readonly string[], envelope: Uint8Array) => void;
}

/** Whom a user may see, while that is being looked up. */
interface Question {
  readonly userId: string;
  readonly userIds: ReadonlySet<string>;
  /** Somebody of them was blocked, or has blocked, meanwhile. */
  isStale: boolean;
}

/**
 * Who is there: the users of this server and, as those tell, of the others; and whom that is told. What one user's coming
 * or going costs does not depend on their conversations: an envelope to each other server, and a frame to each session that
 * watches them. Nothing is read for it.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #local: LocalPresence;
  readonly #peers: PeerPresence;
  readonly #watch: PresenceWatch;
  /** What is to be looked at, and when those who are gone were there last, as far as that was heard. */
  #changed = new Map<string, number | undefined>();
  /** What the other servers were told of users who are here. */
  readonly #published = new Map<string, PresenceState>();
  /** When users were there last, for the store. */
  readonly #due = new Map<string, number>();
  readonly #questions = new Set<Question>();
  /** Whom sessions may see after all, perhaps. */
  readonly #doubtful = new Map<Recipient, Set<string>>();
  #isLooking = false;
  #cancelGather: Cancel | undefined;
  #cancelBeat: Cancel = () => {};
  #beats = 0;
  #closed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { runtime, identity, offlineAfter, heartbeat, encode, send } = options;
    this.#watch = new PresenceWatch(encode);
    this.#local = new LocalPresence(runtime.clock, offlineAfter, (userId) => this.#change(userId));
    this.#peers = new PeerPresence({
      clock: runtime.clock,
      identity,
      offlineAfter,
      heartbeat,
      send: (serverIds, envelope) => send?.(serverIds, encodePresence(envelope)),
      everybody: () => [...this.#published],
      changed: (userId, lastActiveAt) => this.#change(userId, lastActiveAt),
    });
  }

  /** Begins to tell the other servers. */
  start(): void {
    this.#beat();
  }

  /** Tells nothing any more, and has the store keep when the users of this server were there last. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelGather?.();
    this.#cancelBeat();
    this.#noteOnline();
    for (const userId of this.#local.userIds()) this.#note(userId, this.#local.of(userId)!);
    await this.#keep();
    this.#local.close();
    this.#watch.close();
  }

  /** A session has begun. */
  attach(session: Recipient): void {
    if (!this.#closed) this.#local.attach(session);
  }

  /** A session has ended, of which nothing was heard for so many ms. */
  detach(session: Recipient, silentFor: number): void {
    this.#watch.forget(session);
    this.#local.detach(session, silentFor);
  }

  /** Nothing was done on a device for so many ms; 0: it is in use. */
  setIdle(session: Recipient, idle: number): void {
    this.#local.setIdle(session, idle);
  }

  /** The store keeps that a user wants to be seen, or not. */
  setInvisible(userId: string, invisible: boolean): void {
    this.#local.setInvisible(userId, invisible);
    this.#peers.tell({ kind: "invisible", userId, invisible });
  }

  /** Whom a user has blocked: none sees the other. Those whom they no longer block may again. */
  blocked(userId: string, others: ReadonlySet<string>): void {
    for (const question of this.#questions) {
      const isOwn = question.userId === userId && [...others].some((other) => question.userIds.has(other));
      if (isOwn || (others.has(question.userId) && question.userIds.has(userId))) question.isStale = true;
    }
    for (const recipient of this.#local.sessions(userId)) {
      this.#watch.hide(
        recipient,
        this.#watch.of(recipient).filter((other) => others.has(other)),
      );
      for (const other of this.#watch.hidden(recipient))
        if (!others.has(other)) this.#doubt(recipient, other);
    }
    for (const other of others) {
      for (const recipient of this.#local.sessions(other)) {
        if (this.#watch.watches(recipient, userId)) this.#watch.hide(recipient, [userId]);
      }
    }
    for (const recipient of this.#watch.hiddenFrom(userId)) {
      if (!others.has(recipient.userId)) this.#doubt(recipient, userId);
    }
    void this.#lookAgain();
  }

  /** Those of these users whom somebody here watches, or would if they might. */
  watchedAmong(userIds: readonly string[]): readonly string[] {
    return userIds.filter((userId) => this.#watch.isWanted(userId));
  }

  /**
   * Tells a session of these users from now on, as far as its user may see them.
   * @throws ChatError `limit_exceeded`, `store_unavailable`, and what `mayObserve` does
   */
  async watch(
    session: Recipient,
    userIds: readonly string[],
    forget: readonly string[] = [],
  ): Promise<readonly UserPresence[]> {
    this.#watch.remove(session, forget);
    const visible = await this.#visible(session.userId, userIds);
    const denied = userIds.filter((userId) => !visible.has(userId));
    // Who asks again and may not see somebody any more is told so by the answer.
    this.#watch.remove(session, denied);
    if (this.#local.has(session)) {
      this.#watch.add(session, [...visible]);
      this.#watch.deny(session, denied);
    }
    const presences = await this.read(session.userId, [...visible]);
    this.#watch.answered(session, presences);
    const hidden = this.#watch.hidden(session);
    return presences.filter(({ userId }) => !hidden.has(userId));
  }

  /**
   * The presence of users whom somebody may see; without somebody as it is.
   * @throws ChatError `store_unavailable`
   */
  async read(observer: string | undefined, userIds: readonly string[]): Promise<readonly UserPresence[]> {
    // Whether a user wants to be seen is read some time after they have come; until then it is the user alone who may hear of it.
    const isDoubtful = (userId: string): boolean => userId === observer && this.#local.isUnknown(userId);
    const isAbsent = (userId: string): boolean => this.#seenBy(observer, userId).status === "offline";
    const asked = userIds.filter((userId) => isDoubtful(userId) || isAbsent(userId));
    const kept = asked.length === 0 ? undefined : await this.#options.conversations.presences(asked);
    return userIds.map((userId) => {
      const seen = this.#seenBy(observer, userId);
      const { lastActiveAt = 0, invisible } = kept?.get(userId) ?? { invisible: false };
      const isShown = invisible && (observer === undefined || observer === userId);
      if (seen.status !== "offline") {
        return { ...seen, ...(isShown && isDoubtful(userId) && { invisible }) };
      }
      const last = Math.max(seen.lastActiveAt ?? 0, lastActiveAt, this.#due.get(userId) ?? 0);
      return {
        userId,
        status: "offline",
        ...(last > 0 && { lastActiveAt: last }),
        ...(isShown && { invisible }),
      };
    });
  }

  /** Takes what another server tells. Returns false if it is about something else. */
  receive(bytes: Uint8Array): boolean {
    const envelope = decodePresence(bytes);
    if (envelope === undefined) return false;
    if (this.#closed) return true;
    this.#peers.receive(envelope);
    if (envelope.kind === "invisible") this.#local.setInvisible(envelope.userId, envelope.invisible);
    return true;
  }

  #state(userId: string): PresenceState | undefined {
    return joined(this.#local.of(userId), this.#peers.of(userId));
  }

  /** What an observer sees of what is in memory; `lastActiveAt` of one who is not there is for the store to say. */
  #seenBy(observer: string | undefined, userId: string): UserPresence {
    const state = this.#state(userId);
    const isOwn = observer === undefined || observer === userId;
    if (state === undefined) return { userId, status: "offline" };
    const { status, lastActiveAt, invisible } = state;
    // The lastActiveAt of one who is not seen would tell that they are there.
    if (invisible && !isOwn) return { userId, status: "offline" };
    return {
      userId,
      status,
      ...(status !== "online" && lastActiveAt > 0 && { lastActiveAt }),
      ...(invisible && !this.#local.isUnknown(userId) && { invisible }),
    };
  }

  #change(userId: string, lastActiveAt?: number): void {
    if (this.#closed) return;
    if (lastActiveAt !== undefined) this.#local.heardOf(userId, lastActiveAt);
    this.#changed.set(userId, lastActiveAt ?? this.#changed.get(userId));
    this.#gather();
  }

  #gather(): void {
    this.#cancelGather ??= this.#options.runtime.clock.schedule(GATHER, () => this.#flush());
  }

  #flush(): void {
    this.#cancelGather = undefined;
    const changed = this.#changed;
    this.#changed = new Map();
    const entries: [string, PresenceState][] = [];
    const unknown: string[] = [];
    for (const [userId, heard] of changed) {
      if (this.#local.isUnknown(userId)) {
        this.#changed.set(userId, heard);
        unknown.push(userId);
        continue;
      }
      const local = this.#local.of(userId);
      const published = this.#published.get(userId);
      if (local !== undefined && !isSame(local, published)) {
        entries.push([userId, local]);
        if (local.status === "offline") this.#published.delete(userId);
        else this.#published.set(userId, local);
        this.#note(userId, local, published);
      }
      this.#tell(userId, Math.max(heard ?? 0, local?.lastActiveAt ?? 0));
      this.#local.forgetIfGone(userId);
    }
    this.#peers.publish(entries);
    // Nobody waits for a store that is slow but those of whom nothing is known yet; the next sign of life tries again.
    if (unknown.length > 0) void this.#readUnknown(unknown);
  }

  /** @param lastActiveAt of one who is gone, 0 if it is not known */
  #tell(userId: string, lastActiveAt: number): void {
    if (!this.#watch.isWatched(userId)) return;
    const own = this.#seenBy(userId, userId);
    let seen = this.#seenBy(undefined, userId);
    const before = this.#watch.seen(userId);
    if (seen.invisible) {
      // Nothing may show that the user is there: no newer time, either.
      const last = before?.status === "offline" ? before.lastActiveAt : lastActiveAt;
      seen = { userId, status: "offline", ...(last && { lastActiveAt: last }) };
    } else if (seen.status === "offline") {
      // Who was not seen, and is there no more, is offline as before.
      const last = lastActiveAt || (before?.status === "offline" && before.lastActiveAt);
      seen = { ...seen, ...(last && { lastActiveAt: last }) };
    }
    this.#watch.tell(seen, own);
  }

  /** What the store is to keep: not of those who want to be seen by nobody, but when they were seen last. */
  #note(userId: string, { status, lastActiveAt, invisible }: PresenceState, before?: PresenceState): void {
    if (invisible && before?.invisible !== false) return;
    const { runtime, offlineAfter } = this.#options;
    // Of one who is there, when they were for certain: it never moves back.
    const at = status === "online" && !invisible ? runtime.clock.now() - offlineAfter : lastActiveAt;
    if (at > 0) this.#due.set(userId, at);
  }

  #noteOnline(): void {
    for (const [userId, state] of this.#published) if (state.status === "online") this.#note(userId, state);
  }

  /** Whether users want to be seen. Who is not known to be stays unseen, and is asked for again. */
  async #readUnknown(userIds: readonly string[]): Promise<void> {
    const { conversations, runtime } = this.#options;
    for (let at = 0; at < userIds.length; at += BATCH) {
      const some = userIds.slice(at, at + BATCH);
      const readAt = runtime.clock.monotonic();
      try {
        const kept = await conversations.presences(some);
        for (const userId of some) {
          this.#local.setInvisible(userId, kept.get(userId)?.invisible ?? false, readAt);
        }
      } catch (error) {
        runtime.log("warn", "presence_not_read", { error: String(error) });
      }
    }
  }

  async #keep(): Promise<void> {
    const { conversations, runtime } = this.#options;
    // In one order, so that no two servers wait for each other.
    const due = [...this.#due].sort().map(([userId, at]) => ({ userId, at }));
    for (let at = 0; at < due.length; at += BATCH) {
      const some = due.slice(at, at + BATCH);
      try {
        await conversations.setLastActive(some);
        for (const { userId, at } of some) if (this.#due.get(userId) === at) this.#due.delete(userId);
      } catch (error) {
        runtime.log("warn", "presence_not_kept", { error: String(error) });
        return;
      }
    }
  }

  /** Every heartbeat: a sign of life, and what is done now and then. Never rejects. */
  #beat(): void {
    const { runtime, heartbeat } = this.#options;
    if (this.#closed) return;
    this.#cancelBeat = runtime.clock.schedule(heartbeat, () => this.#beat());
    const isTurn = (every: number): boolean => this.#beats % Math.max(1, Math.round(every / heartbeat)) === 0;
    if (this.#changed.size > 0) this.#gather();
    if (this.#beats > 0 && isTurn(KEEP_EVERY)) {
      this.#noteOnline();
      // What another server has told was lost, perhaps.
      void this.#readUnknown([...this.#local.userIds()]);
    }
    if (this.#beats > 0 && isTurn(REVIEW_EVERY)) void this.#review();
    this.#beats++;
    this.#watch.makeUp();
    void this.#keep();
    void this.#beatPeers();
  }

  async #beatPeers(): Promise<void> {
    const { servers, runtime } = this.#options;
    if (servers === undefined) return;
    const live = await servers().catch((error: unknown) => {
      runtime.log("warn", "presence_servers_unknown", { error: String(error) });
      return undefined;
    });
    if (!this.#closed) this.#peers.beat(live);
  }

  /** Looks again whom sessions may see. */
  async #review(): Promise<void> {
    let failures = 0;
    for (const recipient of this.#watch.recipients()) {
      const wanted = [...this.#watch.of(recipient), ...this.#watch.hidden(recipient)];
      // One user of whom nothing can be said keeps nobody else from being looked at; what is away keeps everybody.
      failures += await this.#look(recipient, wanted);
      if (failures >= REVIEW_FAILURES) return;
    }
  }

  #doubt(recipient: Recipient, userId: string): void {
    this.#doubtful.set(recipient, (this.#doubtful.get(recipient) ?? new Set()).add(userId));
  }

  /** Looks whether sessions see whom they did not: one at a time, however many users change their minds. */
  async #lookAgain(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    for (const [recipient, userIds] of this.#doubtful) {
      this.#doubtful.delete(recipient);
      await this.#look(recipient, [...userIds]);
    }
    this.#isLooking = false;
  }

  /** Looks whom a session may see of these users whom it wants to, and tells it what is new; gives how many looks have failed. */
  async #look(recipient: Recipient, userIds: readonly string[]): Promise<number> {
    let failures = 0;
    for (let at = 0; at < userIds.length && !this.#closed; at += LIMITS.presencesPerRequest) {
      try {
        const visible = await this.#visible(
          recipient.userId,
          userIds.slice(at, at + LIMITS.presencesPerRequest),
        );
        const some = new Set(userIds.slice(at, at + LIMITS.presencesPerRequest));
        this.#watch.hide(
          recipient,
          this.#watch.of(recipient).filter((userId) => some.has(userId) && !visible.has(userId)),
        );
        const shown = [...this.#watch.hidden(recipient)].filter((userId) => visible.has(userId));
        if (shown.length === 0) continue;
        this.#watch.add(recipient, shown);
        this.#watch.show(recipient, await this.read(recipient.userId, shown));
      } catch (error) {
        this.#options.runtime.log("warn", "presence_review_failed", { error: String(error) });
        failures++;
      }
    }
    return failures;
  }

  /** Whom of these users one may see, by what nobody has changed while it was looked up. */
  async #visible(userId: string, userIds: readonly string[]): Promise<ReadonlySet<string>> {
    const question = { userId, userIds: new Set(userIds), isStale: false };
    this.#questions.add(question);
    try {
      for (;;) {
        question.isStale = false;
        const visible = await this.#options.mayObserve(userId, userIds);
        if (!question.isStale) return visible;
      }
    } finally {
      this.#questions.delete(question);
    }
  }
}

function isSame(one: PresenceState, other: PresenceState | undefined): boolean {
  return (
    one.status === other?.status &&
    one.invisible === other.invisible &&
    (one.status === "online" || one.lastActiveAt === other.lastActiveAt)
  );
}
