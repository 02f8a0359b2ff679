import { ChatError } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import type { Authenticated, ChatServerOptions } from "../../src/index.js";
import { TokenLife } from "../../src/session/token-life.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const MINUTE = 60_000;

/** A server whose tokens are `user:minutes until they expire, from the test's begin`. */
async function expiringServer(options: Partial<ChatServerOptions> = {}) {
  const clock = new VirtualClock();
  const start = clock.runtime.clock.now();
  const asked: string[] = [];
  const server = await openServer({
    runtime: clock.runtime,
    // A heartbeat would end what a test lets wait.
    settings: { heartbeatInterval: 24 * 3_600_000 },
    authenticate({ token }): Authenticated {
      asked.push(token);
      const [userId, minutes] = token.split(":") as [string, string];
      return { userId, expiresAt: start + Number(minutes) * MINUTE };
    },
    ...options,
  });
  const open = async (token: string) => {
    const device = new RawDevice(server, "ana");
    await device.hello({ token });
    return device;
  };
  const asks = (device: RawDevice) =>
    device.received.flatMap((frame) => (frame.type === "token-expiring" ? [frame.expiresIn] : []));
  return { clock, server, asked, open, asks };
}

describe("a token that expires", () => {
  it("is asked for anew in time and again, and then the connection is closed", async () => {
    const { clock, server, open, asks } = await expiringServer();
    const device = await open("ana:10");
    clock.advance(9 * MINUTE - 1);
    expect(asks(device)).toEqual([]);
    clock.advance(1);
    await clock.settle();
    expect(asks(device)).toEqual([60_000]);
    clock.advance(MINUTE - 1);
    await clock.settle();
    expect(asks(device)).toEqual([60_000, 30_000, 15_000, 7_500, 3_750, 1_875]);
    expect(device.closedWith).toBeUndefined();
    clock.advance(1);
    expect(device.closedWith).toEqual({ code: 4401, reason: "unauthenticated" });
    expect(device.received.at(-1)).toMatchObject({ type: "error", requestId: 0, code: "unauthenticated" });
    expect(server.connections).toBe(0);
  });

  it("that lives shortly is asked for at half of its life", async () => {
    const { clock, open, asks } = await expiringServer();
    const device = await open("ana:1");
    clock.advance(30_000 - 1);
    expect(asks(device)).toEqual([]);
    clock.advance(1);
    await clock.settle();
    expect(asks(device)).toEqual([30_000]);
  });

  it("is replaced in band, and the connection lasts", async () => {
    const { clock, open, asks } = await expiringServer();
    const device = await open("ana:10");
    clock.advance(9 * MINUTE);
    await device.expect("token-refreshed", { type: "refresh-token", token: "ana:20" });
    clock.advance(10 * MINUTE);
    await clock.settle();
    expect(device.closedWith).toBeUndefined();
    expect(asks(device)).toEqual([60_000, 60_000]);
    clock.advance(2 * MINUTE);
    expect(device.closedWith).toMatchObject({ code: 4401 });
  });

  it("may be one that lives for years, and one that never expires", () => {
    const { clock } = new VirtualClock().runtime;
    const virtual = new VirtualClock();
    const told: string[] = [];
    const waits: number[] = [];
    const measured = {
      ...virtual.runtime.clock,
      schedule(delay: number, callback: () => void) {
        waits.push(delay);
        return virtual.runtime.clock.schedule(delay, callback);
      },
    };
    const life = new TokenLife(
      measured,
      MINUTE,
      (left) => told.push(`${left} left`),
      () => told.push("over"),
    );
    const years = 5 * 365 * 24 * 60 * MINUTE;
    life.begin(clock.now() + years);
    virtual.advance(years - MINUTE);
    expect(told).toEqual(["60000 left"]);
    virtual.advance(MINUTE);
    expect(told.at(-1)).toBe("over");
    // What is longer than 2^31 − 1 ms a timer takes for nothing.
    expect(Math.max(...waits)).toBeLessThan(2 ** 31);
    waits.length = 0;
    life.begin();
    expect(waits).toEqual([]);
  });

  it.each([
    ["has expired", "ana:0"],
    ["has an expiry that is none", "ana:soon"],
  ])("is refused if it %s, over both wires", async (_what, token) => {
    const { server, open } = await expiringServer();
    expect((await open(token)).closedWith).toMatchObject({ code: 4401 });
    const request = new Request("http://chat/conversations", {
      headers: { authorization: `Bearer ${token}` },
    });
    expect((await server.fetch(request)).status).toBe(401);
  });
});

describe("a refresh", () => {
  it("must be of the same user", async () => {
    const { open } = await expiringServer();
    const device = await open("ana:10");
    const answer = await device.ask({ type: "refresh-token", token: "bo:20" });
    expect(answer).toMatchObject({ type: "error", code: "unauthenticated" });
    expect(await device.closed()).toMatchObject({ code: 4401 });
  });

  it("that is refused leaves the old token in force, until it expires", async () => {
    const { clock, open } = await expiringServer();
    const device = await open("ana:10");
    const answer = await device.ask({ type: "refresh-token", token: "ana:0" });
    expect(answer).toMatchObject({ type: "error", code: "unauthenticated", retryable: false });
    clock.advance(10 * MINUTE - 1);
    expect(device.closedWith).toBeUndefined();
    clock.advance(1);
    expect(device.closedWith).toMatchObject({ code: 4401 });
  });

  it("is one at a time, and the old token's end waits for it", async () => {
    const pending: ((answer: Authenticated | ChatError) => void)[] = [];
    const clock = new VirtualClock();
    const expiresAt = clock.runtime.clock.now() + MINUTE;
    const server = await openServer({
      runtime: clock.runtime,
      settings: { heartbeatInterval: MINUTE },
      authenticate: ({ token }) =>
        token === "slow"
          ? new Promise((resolve, reject) =>
              pending.push((answer) => (answer instanceof ChatError ? reject(answer) : resolve(answer))),
            )
          : { userId: "ana", expiresAt },
    });
    const device = await RawDevice.open(server, "ana");
    clock.advance(MINUTE - 2_000);
    const first = device.ask({ type: "refresh-token", token: "slow" });
    const second = await device.ask({ type: "refresh-token", token: "slow" });
    expect(second).toMatchObject({ type: "error", code: "overloaded", retryable: true });
    await clock.settle();
    clock.advance(3_000);
    expect(device.closedWith).toBeUndefined();
    pending[0]!({ userId: "ana", expiresAt: expiresAt + MINUTE });
    expect(await first).toMatchObject({ type: "token-refreshed" });

    clock.advance(MINUTE - 2_000);
    const third = device.ask({ type: "refresh-token", token: "slow" });
    await clock.settle();
    clock.advance(3_000);
    expect(device.closedWith).toBeUndefined();
    pending[1]!(new ChatError("unauthenticated", "The database is away.", { retryable: true }));
    expect(await third).toMatchObject({ type: "error", retryable: true });
    clock.advance(1);
    expect(device.closedWith).toMatchObject({ code: 4401 });
  });

  it("that nobody answers ends by the deadline of authenticate", async () => {
    const clock = new VirtualClock();
    const server = await openServer({
      runtime: clock.runtime,
      authenticate: ({ token }) =>
        token === "slow" ? new Promise(() => {}) : { userId: "ana", expiresAt: Number.MAX_SAFE_INTEGER },
    });
    const device = await RawDevice.open(server, "ana");
    const answer = device.ask({ type: "refresh-token", token: "slow" });
    await clock.settle();
    clock.advance(10_000);
    expect(await answer).toMatchObject({ type: "error", code: "unauthenticated", retryable: true });
    expect(await device.ask({ type: "ping" })).toMatchObject({ type: "pong" });
  });
});
