import { fanoutSuite } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import { inProcessFanout } from "../../src/fanout/in-process-fanout.js";
import { VirtualClock } from "../virtual-clock.js";

fanoutSuite({ describe, it }, "in process", () => {
  const shared = inProcessFanout();
  return { fanout: () => shared, dispose: () => shared.close() };
});

describe("in-process fan-out", () => {
  it("bounds what waits by number and by bytes, and loses what comes beyond", async () => {
    const { runtime, settle } = virtualWorld();
    const fanout = inProcessFanout(runtime);
    const received: number[] = [];
    await fanout.subscribe("a", (envelope) => received.push(envelope.length));
    for (let sent = 0; sent < 12_000; sent++) fanout.publish(["a"], new Uint8Array(1));
    await settle();
    expect(received).toHaveLength(10_000);
    for (let sent = 0; sent < 200; sent++) fanout.publish(["a"], new Uint8Array(131_072));
    await settle();
    expect(received).toHaveLength(10_000 + 128);
    fanout.publish(["a"], new Uint8Array(5));
    await settle();
    expect(received.at(-1)).toBe(5);
  });

  it("tells its log of a handler that throws", async () => {
    const events: string[] = [];
    const { runtime, settle } = virtualWorld();
    const fanout = inProcessFanout({ ...runtime, log: (_level, event) => events.push(event) });
    await fanout.subscribe("a", () => {
      throw new Error("a defect");
    });
    fanout.publish(["a"], new Uint8Array(1));
    await settle();
    expect(events).toEqual(["fanout_handler_failed"]);
  });

  it("hands nothing over that was waiting when it was cancelled", async () => {
    const { runtime, settle } = virtualWorld();
    const fanout = inProcessFanout(runtime);
    let received = 0;
    const cancel = await fanout.subscribe("a", () => {
      received++;
      cancel();
    });
    fanout.publish(["a"], new Uint8Array(1));
    fanout.publish(["a"], new Uint8Array(1));
    await settle();
    expect(received).toBe(1);
  });
});

function virtualWorld() {
  const clock = new VirtualClock();
  return { runtime: clock.runtime, settle: () => clock.settle() };
}
