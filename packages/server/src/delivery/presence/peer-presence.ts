import type { Clock, PresenceStatus } from "@chat/protocol";
import type { ServerIdentity } from "../../registry/registry.js";
import { ENVELOPE_ENTRIES, type PresenceEntry, type PresenceEnvelope } from "./presence-envelope.js";
import type { PresenceState } from "./presence-state.js";

/** One run of another server. */
interface Peer {
  readonly serverId: string;
  /** The number up to which everything was heard; undefined before everything was heard once. */
  number: number | undefined;
  /** By the monotonic clock. */
  heardAt: number;
  askedAt: number;
  users: Map<string, PresenceState>;
  /** What was heard of everything, until all its parts are there. */
  parts: { readonly number: number; readonly entries: Map<number, readonly PresenceEntry[]> } | undefined;
}

/** What the presence of other servers needs of its surroundings. */
export interface PeerPresenceOptions {
  readonly clock: Clock;
  readonly identity: ServerIdentity;
  /** ms without a sign of life after which another server counts as dead. */
  readonly offlineAfter: number;
  /** ms between two signs of life. */
  readonly heartbeat: number;
  /** Sends to other servers. */
  send(serverIds: readonly string[], envelope: PresenceEnvelope): void;
  /** Who is on this server, as the others are told. */
  everybody(): readonly PresenceEntry[];
  /** The state of a user on another server is another one. @param lastActiveAt wall-clock ms, of one who is there no more */
  changed(userId: string, lastActiveAt?: number): void;
}

/**
 * Who is on the other servers, as those tell: what changed, numbered, so that whoever lacks something asks for everything.
 * A server that says nothing for long is dead, and its users are gone.
 */
export class PeerPresence {
  readonly #options: PeerPresenceOptions;
  /** By incarnation: those who were on a server that has started again may well be back, and count until its silence is over. */
  readonly #peers = new Map<string, Peer>();
  #servers: readonly string[] = [];
  #number = 0;

  constructor(options: PeerPresenceOptions) {
    this.#options = options;
  }

  /** The state of a user on all other servers together. */
  of(userId: string): PresenceState | undefined {
    let state: PresenceState | undefined;
    for (const { users } of this.#peers.values()) state = joined(state, users.get(userId));
    return state;
  }

  /** Tells the other servers what changed here. */
  publish(entries: readonly PresenceEntry[]): void {
    for (let at = 0; at < entries.length; at += ENVELOPE_ENTRIES) {
      this.#number++;
      this.tell({ kind: "changes", number: this.#number, entries: entries.slice(at, at + ENVELOPE_ENTRIES) });
    }
  }

  /** Tells the other servers something. */
  tell(told: Unsent<PresenceEnvelope>): void {
    if (this.#servers.length > 0)
      this.#options.send(this.#servers, { from: this.#options.identity, ...told });
  }

  /** Gives a sign of life to these servers, or else to those of before, and counts as dead those that gave none. */
  beat(servers: readonly string[] = this.#servers): void {
    const { clock, identity, offlineAfter } = this.#options;
    this.#servers = servers.filter((serverId) => serverId !== identity.serverId);
    this.tell({ kind: "beat", number: this.#number });
    for (const [incarnation, peer] of this.#peers) {
      const silentFor = clock.monotonic() - peer.heardAt;
      if (silentFor >= offlineAfter) this.#drop(incarnation, peer, clock.now() - silentFor);
    }
  }

  receive(envelope: PresenceEnvelope): void {
    const { clock, identity, send } = this.#options;
    const { serverId, incarnation } = envelope.from;
    if (incarnation === identity.incarnation) return;
    if (!this.#servers.includes(serverId)) this.#servers = [...this.#servers, serverId];
    let peer = this.#peers.get(incarnation);
    if (peer === undefined) {
      peer = {
        serverId,
        number: undefined,
        heardAt: 0,
        askedAt: -Infinity,
        users: new Map(),
        parts: undefined,
      };
      this.#peers.set(incarnation, peer);
    }
    peer.heardAt = clock.monotonic();
    switch (envelope.kind) {
      case "changes":
        if (peer.number !== undefined && envelope.number <= peer.number) return;
        if (peer.number === undefined || envelope.number > peer.number + 1)
          return this.#ask(peer, envelope.from);
        peer.number = envelope.number;
        for (const entry of envelope.entries) this.#take(peer, entry);
        return;
      case "beat":
        if (peer.number === undefined || envelope.number > peer.number) this.#ask(peer, envelope.from);
        return;
      case "ask": {
        if (envelope.of !== identity.incarnation) return;
        const entries = this.#options.everybody();
        const parts = Math.max(1, Math.ceil(entries.length / ENVELOPE_ENTRIES));
        for (let part = 0; part < parts; part++) {
          const some = entries.slice(part * ENVELOPE_ENTRIES, (part + 1) * ENVELOPE_ENTRIES);
          send([serverId], { from: identity, kind: "all", number: this.#number, part, parts, entries: some });
        }
        return;
      }
      case "all":
        return this.#takeAll(peer, envelope);
      case "invisible":
        return;
    }
  }

  /** Not twice in one interval: the answer may be long, and under way. */
  #ask(peer: Peer, { serverId, incarnation }: ServerIdentity): void {
    const { clock, heartbeat, identity, send } = this.#options;
    if (clock.monotonic() - peer.askedAt < heartbeat / 2) return;
    peer.askedAt = clock.monotonic();
    send([serverId], { from: identity, kind: "ask", of: incarnation });
  }

  #takeAll(peer: Peer, { number, part, parts, entries }: Extract<PresenceEnvelope, { kind: "all" }>): void {
    if (peer.number !== undefined && number <= peer.number) return;
    if (peer.parts?.number !== number) peer.parts = { number, entries: new Map() };
    peer.parts.entries.set(part, entries);
    if (peer.parts.entries.size < parts) return;
    const now = new Map([...peer.parts.entries.values()].flat());
    peer.number = number;
    peer.parts = undefined;
    for (const [userId, state] of peer.users) {
      if (!now.has(userId)) this.#leave(peer, userId, state, this.#options.clock.now());
    }
    for (const entry of now) this.#take(peer, entry);
  }

  #take(peer: Peer, [userId, state]: PresenceEntry): void {
    if (state.status === "offline") return this.#leave(peer, userId, state, state.lastActiveAt);
    peer.users.set(userId, state);
    this.#options.changed(userId);
  }

  #leave(peer: Peer, userId: string, state: PresenceState, seenAt: number): void {
    const { status, lastActiveAt, invisible } = state;
    peer.users.delete(userId);
    // With this gone, nothing here says any more that they are not to be seen: no time is passed on.
    if (invisible) this.#options.changed(userId);
    else this.#options.changed(userId, status === "online" ? seenAt : lastActiveAt);
  }

  #drop(incarnation: string, peer: Peer, heardAt: number): void {
    this.#peers.delete(incarnation);
    for (const [userId, state] of peer.users) this.#leave(peer, userId, state, heardAt);
  }
}

type Unsent<E> = E extends unknown ? Omit<E, "from"> : never;

const RANK: Readonly<Record<PresenceStatus, number>> = { offline: 0, away: 1, online: 2 };

/** What two servers know of one user, together. */
export function joined(
  one: PresenceState | undefined,
  other: PresenceState | undefined,
): PresenceState | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    status: RANK[one.status] >= RANK[other.status] ? one.status : other.status,
    lastActiveAt: Math.max(one.lastActiveAt, other.lastActiveAt),
    invisible: one.invisible || other.invisible,
  };
}
