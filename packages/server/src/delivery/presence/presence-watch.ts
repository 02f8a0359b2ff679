import { ChatError, LIMITS, type ServerCodec, type UserPresence } from "@chat/protocol";
import type { Recipient } from "../recipient.js";

/** The sessions that watch one user, and what others and the user's own were told last. */
interface Watched {
  readonly watchers: Set<Recipient>;
  seen?: UserPresence;
  own?: UserPresence;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Which sessions of this server want to hear of whose presence. */
export class PresenceWatch {
  readonly #encode: ServerCodec["encode"];
  readonly #watched = new Map<string, Watched>();
  readonly #watching = new Map<Recipient, Set<string>>();
  /** Of a user's sessions, how many they watch together. */
  readonly #counts = new Map<string, number>();
  /** Whom a session wants to hear of and may not see, and the other way round. */
  readonly #hidden = new Map<Recipient, Set<string>>();
  readonly #hiddenFrom = new Map<string, Set<Recipient>>();
  /** Of whom a session was not told, as much was waiting for it. */
  readonly #leftOut = new Map<Recipient, Set<string>>();

  constructor(encode: ServerCodec["encode"]) {
    this.#encode = encode;
  }

  /** True if somebody here watches the user. */
  isWatched(userId: string): boolean {
    return this.#watched.has(userId);
  }

  /** As {@link isWatched}, or would if they might. */
  isWanted(userId: string): boolean {
    return this.isWatched(userId) || this.#hiddenFrom.has(userId);
  }

  watches(recipient: Recipient, userId: string): boolean {
    return this.#watching.get(recipient)?.has(userId) === true;
  }

  /** The sessions that want to hear of a user and may not see them. */
  hiddenFrom(userId: string): Iterable<Recipient> {
    return this.#hiddenFrom.get(userId) ?? [];
  }

  /** Whom a session wants to hear of and may not see. */
  hidden(recipient: Recipient): ReadonlySet<string> {
    return this.#hidden.get(recipient) ?? NOBODY;
  }

  /** Whom a session watches. */
  of(recipient: Recipient): readonly string[] {
    return [...(this.#watching.get(recipient) ?? [])];
  }

  /** The sessions that watch somebody, or would. */
  recipients(): ReadonlySet<Recipient> {
    return new Set([...this.#watching.keys(), ...this.#hidden.keys()]);
  }

  /** @throws ChatError `limit_exceeded` if the user's sessions would watch too many */
  add(recipient: Recipient, userIds: readonly string[]): void {
    const watching = this.#watching.get(recipient) ?? new Set<string>();
    const fresh = new Set(userIds.filter((userId) => !watching.has(userId)));
    if (fresh.size === 0) return;
    const count = (this.#counts.get(recipient.userId) ?? 0) + fresh.size;
    if (count > LIMITS.watchedPresences) {
      const sentence = `The presence of at most ${LIMITS.watchedPresences} users is told to one; forget some first.`;
      throw new ChatError("limit_exceeded", sentence);
    }
    this.#counts.set(recipient.userId, count);
    this.#watching.set(recipient, watching);
    this.#unhide(recipient, fresh);
    for (const userId of fresh) {
      watching.add(userId);
      this.#leftOut.get(recipient)?.delete(userId);
      const watched = this.#watched.get(userId) ?? { watchers: new Set<Recipient>() };
      this.#watched.set(userId, watched);
      watched.watchers.add(recipient);
    }
  }

  remove(recipient: Recipient, userIds: readonly string[]): void {
    this.#unhide(recipient, userIds);
    const watching = this.#watching.get(recipient);
    if (watching === undefined) return;
    let removed = 0;
    for (const userId of userIds) {
      if (!watching.delete(userId)) continue;
      removed++;
      this.#leftOut.get(recipient)?.delete(userId);
      const watched = this.#watched.get(userId);
      watched?.watchers.delete(recipient);
      if (watched?.watchers.size === 0) this.#watched.delete(userId);
    }
    const count = (this.#counts.get(recipient.userId) ?? 0) - removed;
    if (count > 0) this.#counts.set(recipient.userId, count);
    else this.#counts.delete(recipient.userId);
    if (watching.size > 0) return;
    this.#watching.delete(recipient);
    this.#leftOut.delete(recipient);
  }

  /** A session is gone. */
  forget(recipient: Recipient): void {
    this.remove(recipient, [...this.of(recipient), ...this.hidden(recipient)]);
  }

  /** What those who watch a user were told last, but for the user. */
  seen(userId: string): UserPresence | undefined {
    return this.#watched.get(userId)?.seen;
  }

  /** A session was told what is so, as the answer to its question. */
  answered(recipient: Recipient, presences: readonly UserPresence[]): void {
    for (const presence of presences) {
      const watched = this.#watched.get(presence.userId);
      if (watched?.watchers.has(recipient) !== true) continue;
      const whose = recipient.userId === presence.userId ? "own" : "seen";
      const told = (watched[whose] ??= presence);
      // It may be as before by the time that everybody is told: that is no news then, but to this session.
      if (told.status !== presence.status) this.#leaveOut(recipient, presence.userId);
    }
  }

  /** Tells those who watch a user what is so now, unless they know. @param own as the user's own sessions see it */
  tell(seen: UserPresence, own: UserPresence): void {
    const watched = this.#watched.get(seen.userId);
    if (watched === undefined) return;
    const isNews = { seen: !isSame(watched.seen, seen), own: !isSame(watched.own, own) };
    Object.assign(watched, { seen, own });
    if (!isNews.seen && !isNews.own) return;
    const frame = this.#encode({ type: "presence-changed", presence: seen });
    for (const recipient of watched.watchers) {
      const isOwn = recipient.userId === seen.userId;
      if (!isNews[isOwn ? "own" : "seen"]) continue;
      const bytes = isOwn ? this.#encode({ type: "presence-changed", presence: own }) : frame;
      if (recipient.offer(bytes)) this.#leftOut.get(recipient)?.delete(seen.userId);
      else this.#leaveOut(recipient, seen.userId);
    }
  }

  /** Notes that a session, which knows, does not see these users. */
  deny(recipient: Recipient, userIds: readonly string[]): void {
    this.remove(recipient, userIds);
    for (const userId of userIds) {
      const hidden = this.#hidden.get(recipient) ?? new Set();
      if (hidden.size === LIMITS.watchedPresences) return;
      this.#hidden.set(recipient, hidden.add(userId));
      this.#hiddenFrom.set(userId, (this.#hiddenFrom.get(userId) ?? new Set()).add(recipient));
    }
  }

  /** Tells a session that it sees these users no longer. */
  hide(recipient: Recipient, userIds: readonly string[]): void {
    this.deny(recipient, userIds);
    for (const userId of userIds) {
      // What must not be missed: nothing else would tell it.
      recipient.deliver(this.#encode({ type: "presence-changed", presence: { userId, status: "offline" } }));
    }
  }

  /** Tells a session of users whom it sees again. */
  show(recipient: Recipient, presences: readonly UserPresence[]): void {
    this.answered(recipient, presences);
    for (const presence of presences) {
      if (!this.watches(recipient, presence.userId)) continue;
      recipient.deliver(this.#encode({ type: "presence-changed", presence }));
    }
  }

  /** Tells again what was left out, as far as there is room now. */
  makeUp(): void {
    for (const [recipient, userIds] of this.#leftOut) {
      for (const userId of userIds) {
        const presence = this.#watched.get(userId)?.[recipient.userId === userId ? "own" : "seen"];
        if (presence && !recipient.offer(this.#encode({ type: "presence-changed", presence }))) break;
        userIds.delete(userId);
      }
      if (userIds.size === 0) this.#leftOut.delete(recipient);
    }
  }

  close(): void {
    const sessions = [this.#watching, this.#hidden, this.#leftOut];
    for (const map of [this.#watched, this.#counts, this.#hiddenFrom, ...sessions]) map.clear();
  }

  #unhide(recipient: Recipient, userIds: Iterable<string>): void {
    const hidden = this.#hidden.get(recipient);
    if (hidden === undefined) return;
    for (const userId of userIds) {
      if (!hidden.delete(userId)) continue;
      const sessions = this.#hiddenFrom.get(userId)!;
      sessions.delete(recipient);
      if (sessions.size === 0) this.#hiddenFrom.delete(userId);
    }
    if (hidden.size === 0) this.#hidden.delete(recipient);
  }

  #leaveOut(recipient: Recipient, userId: string): void {
    const leftOut = this.#leftOut.get(recipient) ?? new Set<string>();
    this.#leftOut.set(recipient, leftOut);
    leftOut.add(userId);
  }
}

function isSame(one: UserPresence | undefined, other: UserPresence): boolean {
  return (
    one?.status === other.status &&
    one.lastActiveAt === other.lastActiveAt &&
    one.invisible === other.invisible
  );
}
