import { CLOSE_CODES, isChatError } from "@chat/protocol";
import type { Door, Place } from "../admission/door.js";
import type { SessionRecord } from "../registry/registry.js";
import type { Disconnection } from "./disconnection.js";
import { errorFrame } from "./error-frame.js";
import { HeartbeatWatch } from "./heartbeat-watch.js";
import { Session, type SessionEnvironment } from "./session.js";
import type { Peer, Socket } from "./socket.js";

/** What takes the bytes of one socket, and its end. */
export type SocketReceiver = Pick<Session, "receive" | "socketClosed">;

/** All sessions of this server, from their sockets' opening to their end. */
export class SessionHost {
  readonly #environment: SessionEnvironment;
  readonly #door: Door;
  readonly #sessions = new Set<Session>();
  readonly #places = new WeakMap<Session, Place>();
  /** By device, of those that have several tabs: the session of the newest leader. */
  readonly #leading = new Map<string, { readonly session: Session; readonly leader: number }>();
  readonly #heartbeats: HeartbeatWatch;
  #draining = false;

  /** @param environment what sessions share, but for the end of one, which is for the host to hear */
  constructor(environment: Omit<SessionEnvironment, "ended" | "claim" | "opened">, door: Door) {
    this.#door = door;
    const { runtime, settings } = environment.context;
    this.#heartbeats = new HeartbeatWatch(runtime.clock, settings.heartbeatInterval, this.#sessions);
    this.#environment = {
      ...environment,
      opened: (heardAt) => this.#heartbeats.opened(heardAt),
      claim: (session, record, leader) => this.#claim(session, keyOf(record), leader),
      ended: (session) => {
        const key = session.record && keyOf(session.record);
        if (key !== undefined && this.#leading.get(key)?.session === session) this.#leading.delete(key);
        this.#sessions.delete(session);
        this.#places.get(session)?.leave();
        if (this.#sessions.size === 0) this.#heartbeats.end();
      },
    };
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** The sessions that have joined. */
  *records(): Iterable<SessionRecord> {
    for (const { record } of this.#sessions) if (record !== undefined) yield record;
  }

  /** Serves a socket whose place its mount took, and gives back. */
  accept(socket: Socket, peer: Peer, place: Place): Session {
    const session = new Session(this.#environment, socket, peer, place);
    if (this.#draining) session.close("goingAway");
    else this.#sessions.add(session);
    return session;
  }

  /** Serves a socket of any other kind; the place goes with the session, as nobody tells what becomes of the socket. */
  acceptOther(socket: Socket, peer: Peer): SocketReceiver {
    const { codec, tally } = this.#environment;
    try {
      const place = this.#door.enter(peer.address);
      const session = this.accept(socket, peer, place);
      if (this.#sessions.has(session)) this.#places.set(session, place);
      else place.leave();
      return session;
    } catch (error) {
      if (!isChatError(error)) throw error;
      tally.refused(error.code);
      socket.send(codec.encode(errorFrame(0, error)));
      socket.close(CLOSE_CODES.goingAway.code, "goingAway");
      return { receive() {}, socketClosed() {} };
    }
  }

  /** A frozen tab that thaws must not send beside the one that has taken its place. */
  #claim(session: Session, key: string, leader: number): boolean {
    const other = this.#leading.get(key);
    if (other !== undefined && other.leader > leader) return false;
    this.#leading.set(key, { session, leader });
    other?.session.close("replaced");
    return true;
  }

  /** Ends the sessions that are meant. */
  disconnect(whom: Disconnection): void {
    for (const session of [...this.#sessions]) session.disconnect(whom);
  }

  /**
   * Takes nothing new, tells the devices when to come back, lets what is under way end, as long as there is time, and closes the sockets.
   * @param announced the devices are told no sooner: by then nobody sends them here any more
   */
  async drain(announced: Promise<void>): Promise<void> {
    this.#draining = true;
    for (const session of this.#sessions) session.refuseAll();
    await announced;
    const { runtime, settings } = this.#environment.context;
    const { clock, random } = runtime;
    for (const session of this.#sessions) session.sendAway(Math.round(random.float() * settings.drainSpread));
    const deadline = clock.monotonic() + settings.drainDeadline;
    const isBusy = (): boolean => [...this.#sessions].some((session) => session.requestsUnderWay > 0);
    while (isBusy() && clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => clock.schedule(10, resolve));
    }
    for (const session of [...this.#sessions]) session.close("goingAway");
  }
}

function keyOf({ userId, deviceId }: SessionRecord): string {
  return JSON.stringify([userId, deviceId]);
}
