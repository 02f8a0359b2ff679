import { expect, test } from "vitest";
import { createHeartbeat } from "../../src/connection/heartbeat.js";
import { virtualClock } from "../../src/testing/virtual-clock.js";

test("a ping that ends the connection leaves what waits for the next one", async () => {
  const clock = virtualClock();
  let opened = 0;
  const heartbeat = createHeartbeat({
    clock,
    sendPing() {
      heartbeat.stop();
      heartbeat.after(500, () => opened++);
    },
    silent() {},
    slept() {},
  });
  heartbeat.beat(1_000, 1_000);
  await clock.advance(1_600);
  expect(opened).toBe(1);
});
