import { createClientCodec, joinFrames } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { openServer } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { VirtualClock } from "./virtual-clock.js";

describe("handshake", () => {
  it("welcomes", async () => {
    const device = new RawDevice(await openServer(), "ana");
    expect(await device.hello({ userId: "ana" })).toMatchObject({
      type: "welcome",
      userId: "ana",
      textCharacters: 4_096,
    });
  });

  it.each([
    ["a refused token", { token: "bad" }],
    ["a token of somebody else", { userId: "bo" }],
  ])("refuses %s", async (_, hello) => {
    const device = new RawDevice(await openServer(), "ana");
    expect(await device.hello(hello)).toMatchObject({ type: "error", code: "unauthenticated" });
    expect(await device.closed()).toMatchObject({ code: 4401 });
  });

  it("refuses a request before the hello, and before the welcome", async () => {
    const server = await openServer();
    const early = new RawDevice(server, "ana");
    early.post({ type: "ping" });
    expect(await early.closed()).toMatchObject({ code: 4400 });
    expect(early.received).toMatchObject([{ type: "error", code: "hello_expected", requestId: 0 }]);
    const impatient = new RawDevice(server, "ana");
    void impatient.hello().catch(() => {});
    impatient.post({ type: "ping" });
    expect(await impatient.closed()).toMatchObject({ code: 4400 });
    expect(server.connections).toBe(0);
  });

  it("lets the newest leader of a device speak for it, and nobody else", async () => {
    const server = await openServer();
    const deviceId = "0f8fad5b-d9cb-469f-a165-70867728950e";
    const [first, frozen, next] = [1, 2, 3].map(() => new RawDevice(server, "ana"));
    expect(await first!.hello({ deviceId, leader: 4 })).toMatchObject({ type: "welcome" });
    // The same one again, over a new socket.
    const again = new RawDevice(server, "ana");
    expect(await again.hello({ deviceId, leader: 4 })).toMatchObject({ type: "welcome" });
    expect(await first!.closed()).toMatchObject({ code: 4409 });
    expect(await next!.hello({ deviceId, leader: 5 })).toMatchObject({ type: "welcome" });
    expect(await again.closed()).toMatchObject({ code: 4409 });
    void frozen!.hello({ deviceId, leader: 4 }).catch(() => {});
    expect(await frozen!.closed()).toMatchObject({ code: 4409 });
    // Of another user, and without a number: nobody's rival.
    const others = [new RawDevice(server, "bo"), new RawDevice(server, "ana")];
    expect(await others[0]!.hello({ deviceId, leader: 1 })).toMatchObject({ type: "welcome" });
    expect(await others[1]!.hello({ deviceId })).toMatchObject({ type: "welcome" });
    expect([next, ...others].map((device) => device!.closedWith)).toEqual([undefined, undefined, undefined]);
    expect(server.connections).toBe(3);
  });

  it("closes a socket that says no hello in time, or falls silent", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { heartbeatInterval: 25_000 } });
    const silent = new RawDevice(server, "ana");
    const alive = await RawDevice.open(server, "bo");
    clock.advance(9_999);
    expect(silent.closedWith).toBeUndefined();
    clock.advance(1);
    expect(silent.closedWith).toMatchObject({ code: 4408 });
    expect(silent.received).toMatchObject([{ type: "error", code: "hello_timeout" }]);
    clock.advance(40_000);
    alive.post({ type: "ping" });
    clock.advance(62_499);
    expect(alive.closedWith).toBeUndefined();
    clock.advance(1);
    expect(alive.closedWith).toMatchObject({ code: 4504 });
  });

  it("gives up an authentication that takes too long, and tells it so", async () => {
    const clock = new VirtualClock();
    let aborted = false;
    const server = await openServer({
      runtime: clock.runtime,
      authenticate: ({ signal }) =>
        new Promise(() => {
          signal.addEventListener("abort", () => {
            aborted = true;
          });
        }),
    });
    const device = new RawDevice(server, "ana");
    const answer = device.hello();
    await clock.settle();
    clock.advance(10_000);
    expect(await answer).toMatchObject({ type: "error", code: "unauthenticated", retryable: true });
    expect(aborted).toBe(true);
  });
});

describe("bad input", () => {
  const codec = createClientCodec();
  const ping = codec.encode({ type: "ping", requestId: 7 });

  it.each<[string, number, Uint8Array]>([
    ["no msgpack", 4400, Uint8Array.of(0xc1)],
    ["a truncated frame", 4400, ping.subarray(0, ping.length - 1)],
    ["a claim of 2^32 elements", 4400, Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["deep nesting", 4413, new Uint8Array(1_000).fill(0x91)],
    ["no array", 4400, Uint8Array.of(0x01)],
    ["a request of nobody", 4400, Uint8Array.of(0x91, 60)],
    ["too many frames", 4413, joinFrames(Array.from({ length: 513 }, () => ping))],
    ["too many bytes", 4413, new Uint8Array(1_048_577)],
  ])("closes on %s; others notice nothing", async (_, code, bytes) => {
    const server = await openServer();
    const ana = await RawDevice.open(server, "ana");
    const eve = await RawDevice.open(server, "eve");
    eve.raw(bytes);
    expect(await eve.closed()).toMatchObject({ code });
    expect(await ana.ask({ type: "ping" })).toMatchObject({ type: "pong" });
    expect(server.connections).toBe(1);
  });

  it("answers an unknown request, and a frame that breaks its schema, and goes on", async () => {
    const ana = await RawDevice.open(await openServer(), "ana");
    ana.raw(joinFrames([Uint8Array.of(0x92, 60, 100), Uint8Array.of(0x92, 4, 101), ping]));
    await ana.until((frame) => frame.type === "pong" && frame.requestId === 7);
    expect(ana.received.slice(1)).toMatchObject([
      { type: "error", requestId: 100, code: "unsupported" },
      { type: "error", requestId: 101, code: "malformed_frame" },
      { type: "pong", requestId: 7 },
    ]);
  });

  it("closes a device that does not take what is sent to it; others go on", async () => {
    const server = await openServer({ settings: { sendQueueBytes: 20_000 } });
    const ana = await RawDevice.open(server, "ana");
    const slow = await RawDevice.open(server, "slow");
    await ana.expect("conversation", {
      type: "create-conversation",
      conversationType: "group",
      conversationId: "room",
      clientMessageId: crypto.randomUUID(),
      members: ["slow"],
    });
    slow.bufferedBytes = 19_800;
    for (let index = 0; index < 10; index++)
      expect(await ana.send("room", "x".repeat(500))).toMatchObject({ type: "message-stored" });
    expect(slow.closedWith).toMatchObject({ code: 4429 });
  });
});
