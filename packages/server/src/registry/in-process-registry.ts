import { ChatError, type Clock } from "@chat/protocol";
import type { Registry, ServerIdentity, SessionRecord } from "./registry.js";

interface ServerRecord {
  readonly incarnation: string;
  readonly lease: number;
  /** Monotonic ms. */
  expires: number;
  readonly connections: Set<string>;
}

/**
 * The registry of servers that share one process: the default, and all that one process needs. It knows nothing of
 * memberships, so {@link Registry.serversOf} names every live server that holds any session.
 */
export function inProcessRegistry(clock: Clock): Registry {
  return new InProcessRegistry(clock);
}

class InProcessRegistry implements Registry {
  readonly #clock: Clock;
  readonly #servers = new Map<string, ServerRecord>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async join({ serverId, incarnation }: ServerIdentity, lease: number): Promise<void> {
    const running = this.#live({ serverId, incarnation });
    const connections = running?.connections ?? new Set<string>();
    this.#servers.set(serverId, {
      incarnation,
      lease,
      expires: this.#clock.monotonic() + lease,
      connections,
    });
  }

  async renew(server: ServerIdentity): Promise<boolean> {
    const record = this.#live(server);
    if (record === undefined) return false;
    record.expires = this.#clock.monotonic() + record.lease;
    return true;
  }

  async leave({ serverId, incarnation }: ServerIdentity): Promise<void> {
    if (this.#servers.get(serverId)?.incarnation === incarnation) this.#servers.delete(serverId);
  }

  async register(server: ServerIdentity, { connectionId }: SessionRecord): Promise<void> {
    const record = this.#live(server);
    if (record === undefined) throw leaseRanOut();
    record.connections.add(connectionId);
  }

  async unregister({ serverId }: ServerIdentity, { connectionId }: SessionRecord): Promise<void> {
    this.#servers.get(serverId)?.connections.delete(connectionId);
  }

  async serversOf(_conversationId: string): Promise<readonly string[]> {
    const now = this.#clock.monotonic();
    return [...this.#servers]
      .filter(([, { expires, connections }]) => expires > now && connections.size > 0)
      .map(([serverId]) => serverId);
  }

  async servers(): Promise<readonly string[]> {
    const now = this.#clock.monotonic();
    return [...this.#servers].filter(([, { expires }]) => expires > now).map(([serverId]) => serverId);
  }

  /** The record of this very run, while its lease lasts. */
  #live({ serverId, incarnation }: ServerIdentity): ServerRecord | undefined {
    const record = this.#servers.get(serverId);
    const live = record?.incarnation === incarnation && record.expires > this.#clock.monotonic();
    return live ? record : undefined;
  }
}

/** The error of a session that is registered for a server which does not count as live. */
export function leaseRanOut(): ChatError {
  return new ChatError(
    "store_unavailable",
    "This server's lease in the registry has run out; join and register again.",
  );
}
