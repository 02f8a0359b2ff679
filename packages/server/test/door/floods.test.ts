import { createClientCodec, joinFrames, SUBPROTOCOL } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";
import { createRoom } from "./create-room.js";
import { ListeningServer } from "./listening-server.js";

const codec = createClientCodec();
const ping = codec.encode({ type: "ping", requestId: 7 });
/** A request of a code that no version has, and a frame that breaks its table. */
const unknown = Uint8Array.of(0x92, 60, 100);
const invalid = Uint8Array.of(0x92, 4, 101);

describe("a flood over one connection", () => {
  it.each<[string, Uint8Array, number]>([
    ["pings", ping, 1],
    ["unknown requests", unknown, 1],
    ["invalid requests", invalid, 1],
    ["pings, many in a message", joinFrames(Array.from({ length: 50 }, () => ping)), 50],
    ["messages without a frame", new Uint8Array(0), 1],
  ])("of %s ends it; others go on", async (_, message, frames) => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { frameBurst: 101, frameRate: 10 } });
    const ana = await RawDevice.open(server, "ana");
    const eve = await RawDevice.open(server, "eve");
    for (let sent = 0; sent < 100; sent += frames) eve.raw(message);
    expect(eve.closedWith).toBeUndefined();
    eve.raw(message);
    expect(eve.closedWith).toMatchObject({ code: 4420, reason: "rateLimited" });
    await clock.settle();
    expect(eve.received.at(-1)).toMatchObject({
      type: "error",
      requestId: 0,
      code: "rate_limited",
      retryable: true,
    });
    expect(await ana.ask({ type: "ping" })).toMatchObject({ type: "pong" });
    expect(server.connections).toBe(1);
  });

  it("is measured over time", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { frameBurst: 11, frameRate: 10 } });
    const ana = await RawDevice.open(server, "ana");
    for (let second = 0; second < 20; second++) {
      for (let count = 0; count < 10; count++) ana.raw(ping);
      clock.advance(1_000);
    }
    expect(ana.closedWith).toBeUndefined();
  });

  it("of bytes ends it before they are decoded", async () => {
    const clock = new VirtualClock();
    const server = await openServer({
      runtime: clock.runtime,
      settings: { byteBurst: 10_000, byteRate: 100 },
    });
    const ana = await RawDevice.open(server, "ana");
    await createRoom(ana);
    const answers = [await ana.send("room", "x".repeat(4_000)), await ana.send("room", "x".repeat(4_000))];
    expect(answers).toMatchObject([{ type: "message-stored" }, { type: "message-stored" }]);
    // Not even msgpack: decoding it would be another code.
    ana.raw(new Uint8Array(4_000).fill(0xc1));
    expect(ana.closedWith).toMatchObject({ code: 4420 });
  });

  it("before the hello ends it too", async () => {
    const server = await openServer({ settings: { frameBurst: 2 } });
    const eve = new RawDevice(server, "eve");
    for (let count = 0; count < 3; count++) eve.raw(new Uint8Array(0));
    expect(await eve.closed()).toMatchObject({ code: 4420 });
  });

  it.each(["ping", "pong"] as const)("of WebSocket's own %ss ends it", async (kind) => {
    const server = await ListeningServer.open({ settings: { frameBurst: 30, frameRate: 1 } });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/chat`, SUBPROTOCOL);
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    socket.on("error", () => {});
    await new Promise((resolve) => socket.on("open", resolve));
    // More than 60 pings at once ws itself cuts off (maxPendingAutoPongs).
    for (let count = 0; count < 50; count++) socket[kind]();
    expect(await closed).toBe(4420);
  });
});
