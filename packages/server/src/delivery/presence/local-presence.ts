import type { Cancel, Clock } from "@chat/protocol";
import type { Recipient } from "../recipient.js";
import type { PresenceState } from "./presence-state.js";

interface LocalUser {
  /** The user's sessions here: of each user one, as a rule, whose device is in use. */
  readonly sessions: Recipient[];
  /** Those whose devices are not in use. */
  idle: Set<Recipient> | undefined;
  /** Until when, by the monotonic clock, sessions that have ended still count: the last that was in use, and the last of all. */
  activeUntil: number;
  thereUntil: number;
  /** Wall-clock ms; 0 if it is not known. */
  lastActiveAt: number;
  /** Undefined until it was read. */
  invisible: boolean | undefined;
  /** When that was set, by the monotonic clock. */
  invisibleAt: number;
  cancel: Cancel | undefined;
}

/**
 * The users with sessions on this server, and those whose sessions have ended so short a time ago that they may well be
 * back: a lift ride, a reload and a deploy look like no absence.
 */
export class LocalPresence {
  readonly #users = new Map<string, LocalUser>();

  /**
   * @param offlineAfter ms without a sign of life after which a user is gone
   * @param changed told of users whose state may be another one now
   */
  constructor(
    private readonly clock: Clock,
    private readonly offlineAfter: number,
    private readonly changed: (userId: string) => void,
  ) {}

  /** A session has begun. */
  attach(session: Recipient): void {
    const { userId } = session;
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = {
        sessions: [session],
        idle: undefined,
        activeUntil: 0,
        thereUntil: 0,
        lastActiveAt: 0,
        invisible: undefined,
        invisibleAt: -Infinity,
        cancel: undefined,
      };
      this.#users.set(userId, user);
    } else {
      user.sessions.push(session);
    }
    this.changed(userId);
  }

  /** A session has ended, of which nothing was heard for so many ms. */
  detach(session: Recipient, silentFor: number): void {
    const user = this.#users.get(session.userId);
    const at = user?.sessions.indexOf(session) ?? -1;
    if (user === undefined || at === -1) return;
    const active = user.idle?.delete(session) !== true;
    user.sessions.splice(at, 1);
    const until = this.clock.monotonic() + Math.max(this.offlineAfter - silentFor, 0);
    user.thereUntil = Math.max(user.thereUntil, until);
    if (active) {
      user.activeUntil = Math.max(user.activeUntil, until);
      user.lastActiveAt = Math.max(user.lastActiveAt, this.clock.now() - silentFor);
    }
    this.#wait(session.userId, user);
  }

  /** True if the session has begun and not ended. */
  has(session: Recipient): boolean {
    return this.sessions(session.userId).includes(session);
  }

  /** The user's sessions here. */
  sessions(userId: string): readonly Recipient[] {
    return this.#users.get(userId)?.sessions ?? [];
  }

  /** Nothing was done on a device for so many ms; 0: it is in use. */
  setIdle(session: Recipient, idle: number): void {
    const user = this.#users.get(session.userId);
    if (user?.sessions.includes(session) !== true) return;
    if (idle === 0) user.idle?.delete(session);
    else (user.idle ??= new Set()).add(session);
    if (idle > 0) user.lastActiveAt = Math.max(user.lastActiveAt, this.clock.now() - idle);
    this.changed(session.userId);
  }

  /** A user who is here did something elsewhere, last at this time. */
  heardOf(userId: string, lastActiveAt: number): void {
    const user = this.#users.get(userId);
    if (user !== undefined) user.lastActiveAt = Math.max(user.lastActiveAt, lastActiveAt);
  }

  /** What is kept of a user who is here. @param readAt when it was read, which what was set since overrules; monotonic */
  setInvisible(userId: string, invisible: boolean, readAt?: number): void {
    const user = this.#users.get(userId);
    if (user === undefined || (readAt !== undefined && user.invisibleAt >= readAt)) return;
    const wasSeen = user.invisible === false;
    if (readAt === undefined) user.invisibleAt = this.clock.monotonic();
    if (user.invisible === invisible) return;
    user.invisible = invisible;
    if (wasSeen && this.of(userId)?.status === "online") user.lastActiveAt = this.clock.now();
    this.changed(userId);
  }

  /** True if it was not read yet whether a user who is here wants to be seen. */
  isUnknown(userId: string): boolean {
    const user = this.#users.get(userId);
    return user !== undefined && user.invisible === undefined;
  }

  /** Of a user who is here, or was until short ago. */
  of(userId: string): PresenceState | undefined {
    const user = this.#users.get(userId);
    if (user === undefined) return undefined;
    const now = this.clock.monotonic();
    const active = user.activeUntil > now || user.sessions.length > (user.idle?.size ?? 0);
    const there = active || user.thereUntil > now || user.sessions.length > 0;
    return {
      status: active ? "online" : there ? "away" : "offline",
      lastActiveAt: user.lastActiveAt,
      // Nobody is shown who might not want to be.
      invisible: user.invisible ?? true,
    };
  }

  /** Everybody who is here. */
  userIds(): Iterable<string> {
    return this.#users.keys();
  }

  /** Forgets those who are gone, once that was told. */
  forgetIfGone(userId: string): void {
    if (this.of(userId)?.status === "offline") this.#users.delete(userId);
  }

  close(): void {
    for (const { cancel } of this.#users.values()) cancel?.();
    this.#users.clear();
  }

  /** Looks again when the next of what still counts counts no more. */
  #wait(userId: string, user: LocalUser): void {
    user.cancel?.();
    const now = this.clock.monotonic();
    const next = Math.min(...[user.activeUntil, user.thereUntil].filter((until) => until > now));
    if (next === Infinity) return this.changed(userId);
    user.cancel = this.clock.schedule(next - now, () => {
      this.changed(userId);
      this.#wait(userId, user);
    });
  }
}
