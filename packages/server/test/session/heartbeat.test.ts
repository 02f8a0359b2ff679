import { expect, it } from "vitest";
import type { Deliverer } from "../../src/delivery/deliverer.js";
import { Heartbeat } from "../../src/session/heartbeat.js";
import { VirtualClock } from "../virtual-clock.js";

it("names a position only if the feed was read since the last pong: it must be past all that was pushed before that", () => {
  const clock = new VirtualClock();
  const { monotonic } = clock.runtime.clock;
  const deliverer = {
    isSettled: () => true,
    movedSince: () => ({ heads: [], position: 0, more: false }),
  } as unknown as Deliverer;
  const heartbeat = new Heartbeat(clock.runtime.clock);
  const follower = { position: "7", readAt: monotonic() };
  const cursor = () => heartbeat.pong(1, "ana", deliverer, follower).cursor;
  expect(cursor()).toBeUndefined();
  clock.advance(1_000);
  follower.readAt = monotonic();
  clock.advance(1_000);
  expect(cursor()).toBe("7");
  clock.advance(1_000);
  expect(cursor()).toBeUndefined();
});
