import type { Cancel, Clock } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";

/** What a heartbeat needs of its surroundings. */
export interface HeartbeatEnvironment {
  readonly clock: Clock;
  sendPing(): void;
  /** No pong came in time. */
  silent(): void;
  /** The device has slept. */
  slept(): void;
}

/** The timers of a connection: its pings, what they wait for, and one wait for anything else. One at a time. */
export interface Heartbeat {
  /**
   * Calls back after a time, looking every few seconds whether the device has slept: then a look comes late, by the wall clock at
   * least, as others stand still in a sleep. Whatever a server wants, it is not longer than `longestWait`.
   */
  after(delay: number, callback: () => void): void;
  /** Pings after a time, and from then on. */
  beat(delay: number, interval: number): void;
  /** Asks now; gives the line up if no pong comes in time. */
  ping(patience: number): void;
  /** Something came. */
  heard(): void;
  /** A pong came. */
  answered(): void;
  stop(): void;
}

export function createHeartbeat({ clock, sendPing, silent, slept }: HeartbeatEnvironment): Heartbeat {
  let heardAt = 0;
  /** When a pong is due at the latest; 0 while none is expected. */
  let pongDue = 0;
  let cancelTimer: Cancel = () => {};
  let cancelPong: Cancel = () => {};

  function after(delay: number, callback: () => void): void {
    delay = Math.min(delay, CLIENT_LIMITS.longestWait);
    const step = Math.min(delay, CLIENT_LIMITS.wakeInterval);
    const [wall, since] = [clock.now(), clock.monotonic()];
    cancelTimer();
    cancelTimer = clock.schedule(step, () => {
      if (delay > step) after(delay - step, callback);
      else callback();
      const passed = Math.max(clock.now() - wall, clock.monotonic() - since);
      if (passed > step + CLIENT_LIMITS.wakeDelay) slept();
    });
  }

  function beat(delay: number, interval: number): void {
    after(delay, () => {
      // In this order: a ping may end the connection, and what waits for the next one then.
      beat(interval, interval);
      ping(CLIENT_LIMITS.pongTimeout);
    });
  }

  function ping(patience: number): void {
    sendPing();
    if (pongDue === 0 || clock.monotonic() + patience < pongDue) expectPong(patience);
  }

  function expectPong(patience: number): void {
    const since = clock.monotonic();
    pongDue = since + patience;
    cancelPong();
    cancelPong = clock.schedule(patience, () => {
      // A pong behind much else on a slow line: what comes shows that the line is alive.
      if (heardAt > since) expectPong(patience);
      else silent();
    });
  }

  function answered(): void {
    pongDue = 0;
    cancelPong();
  }

  return {
    after,
    beat,
    ping,
    answered,
    heard() {
      heardAt = clock.monotonic();
    },
    stop() {
      answered();
      cancelTimer();
    },
  };
}
