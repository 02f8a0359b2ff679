import { describe, expect, it } from "vitest";
import { HeartbeatWatch, type Watched } from "../../src/session/heartbeat-watch.js";
import { VirtualClock } from "../virtual-clock.js";

const INTERVAL = 10_000;

function world() {
  const clock = new VirtualClock();
  const { monotonic } = clock.runtime.clock;
  const sessions = new Set<Watched>();
  const watch = new HeartbeatWatch(clock.runtime.clock, INTERVAL, sessions);
  /** When each was closed, ms after it was heard of last. */
  const closed = new Map<string, number>();
  const open = (name: string, heardAt = monotonic()): { heardAt: number | undefined } => {
    const session = {
      heardAt: heardAt as number | undefined,
      close() {
        sessions.delete(session);
        closed.set(name, monotonic() - (session.heardAt ?? NaN));
      },
    };
    sessions.add(session);
    watch.opened(heardAt);
    return session;
  };
  return { clock, monotonic, watch, closed, open };
}

describe("a device that falls silent", () => {
  it("is given up after 2.5 intervals, and one of which something was heard is not", () => {
    const { clock, monotonic, closed, open } = world();
    open("silent");
    const other = open("heard");
    clock.advance(24_999);
    other.heardAt = monotonic();
    expect(closed).toEqual(new Map());
    clock.advance(1);
    expect(closed).toEqual(new Map([["silent", 25_000]]));
    clock.advance(24_998);
    expect(closed.size).toBe(1);
    clock.advance(1);
    expect(closed.get("heard")).toBe(25_000);
  });

  it("is given up by 2.6 intervals among many", () => {
    const { clock, closed, open } = world();
    for (let number = 0; number < 100; number++) {
      open(`${number}`);
      clock.advance(77);
    }
    clock.advance(40_000);
    expect(closed.size).toBe(100);
    for (const silence of closed.values()) {
      expect(silence).toBeGreaterThanOrEqual(25_000);
      expect(silence).toBeLessThanOrEqual(26_000);
    }
  });

  it("is given up in time though it opened late, behind others of which more was heard", () => {
    const { clock, monotonic, closed, open } = world();
    open("first");
    clock.advance(1_000);
    open("late", monotonic() - 20_000);
    clock.advance(5_000);
    expect(closed).toEqual(new Map([["late", 25_000]]));
  });

  it("is not looked for before it is open, nor once all have ended", () => {
    const { clock, watch, closed, open } = world();
    open("joining").heardAt = undefined;
    clock.advance(60_000);
    open("ended");
    watch.end();
    clock.advance(60_000);
    expect(closed).toEqual(new Map());
    open("another");
    clock.advance(25_000);
    expect([...closed.keys()].sort()).toEqual(["another", "ended"]);
  });
});
