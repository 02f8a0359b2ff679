import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Metrics } from "../../src/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";
import { createRoom } from "./create-room.js";

/** Adds up what a server reports. */
class Recorder implements Metrics {
  readonly counters: Record<string, number> = {};
  readonly gauges: Record<string, number> = {};
  readonly histograms: Record<string, number[]> = {};
  calls = 0;

  counter(name: string, increment: number, labels?: { readonly code: string }): void {
    this.calls++;
    const series = labels === undefined ? name : `${name}{${labels.code}}`;
    this.counters[series] = (this.counters[series] ?? 0) + increment;
  }

  gauge(name: string, value: number): void {
    this.calls++;
    this.gauges[name] = value;
  }

  histogram(name: string, value: number): void {
    this.calls++;
    (this.histograms[name] ??= []).push(value);
  }
}

describe("metrics", () => {
  it("tell what happened since the last report", async () => {
    const clock = new VirtualClock();
    const metrics = new Recorder();
    const settings = { sendBurst: 20, sendRate: 1, sendQueueBytes: 20_000 };
    const server = await openServer({ runtime: clock.runtime, metrics, settings });
    const ana = await RawDevice.open(server, "ana");
    const slow = await RawDevice.open(server, "slow");
    await createRoom(ana, ["slow"]);
    slow.bufferedBytes = 20_000;
    for (let count = 0; count < 10; count++) await ana.send("room", "x");
    expect(await ana.send("room", "one too many")).toMatchObject({ code: "rate_limited" });
    expect(await ana.ask({ type: "get-conversation", conversationId: "nowhere" })).toMatchObject({
      code: "not_found",
    });
    const bad = new RawDevice(server, "bad");
    await bad.hello();
    await clock.settle();
    expect(metrics.calls).toBe(metrics.histograms["chat_append_milliseconds"]?.length);
    clock.advance(1_000);
    expect(metrics.counters).toEqual({
      // Three hellos, one create, eleven sends, one look-up.
      chat_frames_received_total: 16,
      chat_frames_sent_total: ana.received.length + slow.received.length,
      chat_messages_acknowledged_total: 10,
      chat_slow_consumers_total: 1,
      "chat_refusals_total{rate_limited}": 1,
      "chat_refusals_total{not_found}": 1,
      "chat_refusals_total{unauthenticated}": 1,
    });
    expect(metrics.gauges).toEqual({ chat_connections: 1 });
    expect(metrics.histograms["chat_append_milliseconds"]!.length).toBeGreaterThanOrEqual(10);
    const before = { ...metrics.counters };
    clock.advance(1_000);
    expect(metrics.counters).toEqual(before);
  });

  it("count gaps that had to be read", async () => {
    const clock = new VirtualClock();
    const metrics = new Recorder();
    const file = join(temporaryFolder(), "chat.db");
    // Without fan-out between them, one server learns from the change feed what the other stored.
    const here = await openServer({ runtime: clock.runtime }, file);
    const there = await openServer({ runtime: clock.runtime, metrics }, file);
    const ana = await RawDevice.open(here, "ana");
    const bo = await RawDevice.open(there, "bo");
    await createRoom(ana, ["bo"]);
    clock.advance(1_000);
    await bo.until((frame) => frame.type === "conversation-changed");
    await ana.send("room", "hello");
    clock.advance(1_000);
    await bo.until((frame) => frame.type === "entries" && frame.through === 2);
    clock.advance(1_000);
    expect(metrics.counters["chat_gap_reads_total"]).toBeGreaterThan(0);
  });

  it("count refused connections and HTTP requests", async () => {
    const clock = new VirtualClock();
    const metrics = new Recorder();
    const server = await openServer({ runtime: clock.runtime, metrics, settings: { connections: 1 } });
    await RawDevice.open(server, "ana");
    new RawDevice(server, "bo");
    expect((await server.fetch(new Request("http://chat.example/conversations"))).status).toBe(401);
    clock.advance(1_000);
    expect(metrics.counters).toMatchObject({
      "chat_refusals_total{overloaded}": 1,
      "chat_refusals_total{unauthenticated}": 1,
    });
  });

  it("tell how late the event loop is", async () => {
    const clock = new VirtualClock();
    const metrics = new Recorder();
    let late = 0;
    const runtime = {
      ...clock.runtime,
      clock: {
        ...clock.runtime.clock,
        schedule: (delay: number, callback: () => void) =>
          clock.runtime.clock.schedule(delay + late, callback),
      },
    };
    late = 250;
    await openServer({ runtime, metrics });
    clock.advance(1_250);
    expect(metrics.histograms["chat_event_loop_delay_milliseconds"]).toEqual([250]);
  });

  it("may throw, without anybody noticing but the log, and that once", async () => {
    const clock = new VirtualClock();
    const events: string[] = [];
    let throws = true;
    let calls = 0;
    const fail = (): void => {
      calls++;
      if (throws) throw new Error("no such series");
    };
    const metrics: Metrics = { counter: fail, gauge: fail, histogram: fail };
    const log = (_level: string, event: string): void => void events.push(event);
    const server = await openServer({ runtime: { ...clock.runtime, log }, metrics });
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana, []);
    expect(await ana.send("room", "stored, and told so")).toMatchObject({ type: "message-stored" });
    expect(await ana.send("room", "the lane goes on")).toMatchObject({ type: "message-stored" });
    clock.advance(3_000);
    expect(events.filter((event) => event === "metrics_failed")).toHaveLength(1);
    throws = false;
    const before = calls;
    clock.advance(1_000);
    expect(calls).toBeGreaterThan(before);
  });

  it("do not keep a closed server going, and lose nothing of its end", async () => {
    const clock = new VirtualClock();
    const metrics = new Recorder();
    const server = await openServer({ runtime: clock.runtime, metrics });
    await RawDevice.open(server, "ana");
    await server.close();
    expect(metrics.counters["chat_frames_received_total"]).toBe(1);
    expect(metrics.gauges).toEqual({ chat_connections: 0 });
    const { calls } = metrics;
    clock.advance(60_000);
    expect(metrics.calls).toBe(calls);
  });
});
