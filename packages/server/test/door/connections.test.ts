import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { addressKey } from "../../src/admission/address-key.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";
import { ListeningServer } from "./listening-server.js";

describe("sockets of one address that say no hello", () => {
  it("are limited: 503 with Retry-After, and room again when one goes", async () => {
    const server = await ListeningServer.open({ settings: { unidentifiedPerAddress: 2 } });
    const first = await server.upgrade();
    expect((await server.upgrade()).status).toBe(101);
    const refused = await server.upgrade();
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(refused.body).toMatch(/address/);
    await first.drop();
    expect((await server.upgrade()).status).toBe(101);
  });

  it("no longer count once they are welcomed, or have run out of time", async () => {
    const clock = new VirtualClock();
    const server = await openServer({ runtime: clock.runtime, settings: { unidentifiedPerAddress: 1 } });
    for (const user of ["ana", "bo", "cy"])
      expect((await RawDevice.open(server, user)).closedWith).toBeUndefined();
    const silent = new RawDevice(server, "di");
    const turnedAway = new RawDevice(server, "ed");
    expect(turnedAway.closedWith).toMatchObject({ code: 4503 });
    expect(turnedAway.received).toMatchObject([
      { type: "error", code: "overloaded", retryable: true, retryAfter: 5_000 },
    ]);
    clock.advance(10_000);
    expect(silent.closedWith).toMatchObject({ code: 4408 });
    expect(await new RawDevice(server, "ed").hello()).toMatchObject({ type: "welcome" });
  });

  it("are those of the client behind a proxy, if the application says who that is", async () => {
    const server = await ListeningServer.open({
      settings: { unidentifiedPerAddress: 1 },
      clientAddress: ({ headers }) => String(headers["x-forwarded-for"]).split(",").at(-1)?.trim(),
    });
    expect((await server.upgrade({ "x-forwarded-for": "198.51.100.1" })).status).toBe(101);
    expect((await server.upgrade({ "x-forwarded-for": "198.51.100.2" })).status).toBe(101);
    expect((await server.upgrade({ "x-forwarded-for": "203.0.113.9, 198.51.100.2" })).status).toBe(503);
  });

  it("do not believe a header without being told", async () => {
    const server = await ListeningServer.open({ settings: { unidentifiedPerAddress: 1 } });
    expect((await server.upgrade({ "x-forwarded-for": "198.51.100.1" })).status).toBe(101);
    expect((await server.upgrade({ "x-forwarded-for": "198.51.100.2" })).status).toBe(503);
  });

  it("survive a clientAddress that throws", async () => {
    const server = await ListeningServer.open({
      clientAddress: () => {
        throw new Error("a defect");
      },
    });
    expect((await server.upgrade()).status).toBe(101);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:FFFF:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0DB8:0001:0002::6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["/var/run/proxy.sock", "/var/run/proxy.sock"],
  ])("%s counts as %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe("connections", () => {
  it("are limited in total", async () => {
    const server = await ListeningServer.open({ settings: { connections: 2 } });
    const first = await server.upgrade();
    await server.upgrade();
    expect(await server.upgrade()).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    await first.drop();
    expect((await server.upgrade()).status).toBe(101);
  });

  it("that fail at the handshake hold no place", async () => {
    const server = await ListeningServer.open({ settings: { connections: 1 } });
    expect((await server.upgrade({ "sec-websocket-key": "short" })).status).toBe(400);
    let { status } = await server.upgrade();
    // The answer is there sooner than the end of the socket.
    while (status === 503) ({ status } = await server.upgrade());
    expect(status).toBe(101);
  });

  it("are limited per user, over all addresses; others come in, and so does the user when one has gone", async () => {
    const server = await openServer({ settings: { connectionsPerUser: 2 } });
    const first = await RawDevice.open(server, "ana");
    await RawDevice.open(server, "ana");
    const third = new RawDevice(server, "ana");
    expect(await third.hello()).toMatchObject({
      type: "error",
      code: "rate_limited",
      retryable: true,
      retryAfter: 5_000,
    });
    expect(await third.closed()).toMatchObject({ code: 4420, reason: "rateLimited" });
    expect(await new RawDevice(server, "bo").hello()).toMatchObject({ type: "welcome" });
    first.drop();
    expect(await new RawDevice(server, "ana").hello()).toMatchObject({ type: "welcome" });
    expect(server.connections).toBe(3);
  });

  it("give every place back, whatever their end", async () => {
    const clock = new VirtualClock();
    const server = await openServer({
      runtime: clock.runtime,
      settings: { connections: 1, connectionsPerUser: 1, unidentifiedPerAddress: 1 },
    });
    const ends: ((device: RawDevice) => unknown)[] = [
      (device) => device.drop(),
      (device) => device.raw(Uint8Array.of(0xc1)),
      () => clock.advance(10_000),
      (device) => device.hello({ token: "bad" }).then(() => device.closed()),
      (device) => device.hello().then(() => device.drop()),
      (device) => device.hello().then(() => device.raw(Uint8Array.of(0xc1))),
      async (device) => {
        await device.hello();
        // In steps, so that the server gets to renew its lease meanwhile.
        for (let step = 0; step < 7; step++) {
          clock.advance(9_000);
          await clock.settle();
        }
        expect(device.closedWith).toMatchObject({ code: 4504 });
      },
      (device) => {
        void device.hello().catch(() => {});
        device.drop();
      },
    ];
    for (const end of ends) {
      await end(new RawDevice(server, "ana"));
      await clock.settle();
      expect(server.connections).toBe(0);
      const next = new RawDevice(server, "ana");
      expect(await next.hello(), String(end)).toMatchObject({ type: "welcome" });
      next.drop();
    }
    expect(await new RawDevice(server, "ana").hello()).toMatchObject({ type: "welcome" });
  });
});

describe("a slow peer", () => {
  it("holds no place with half an upgrade, and is cut off by Node", async () => {
    const server = await ListeningServer.open(
      { settings: { connections: 1, unidentifiedPerAddress: 1 } },
      { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 50 },
    );
    const half = connect(server.port, "127.0.0.1");
    const answer = new Promise<string>((resolve) => {
      let text = "";
      half.setEncoding("utf8");
      half.on("data", (chunk: string) => (text += chunk));
      half.on("error", () => {});
      half.on("close", () => resolve(text));
    });
    await new Promise<void>((resolve) => half.on("connect", resolve));
    half.write("GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: webso");
    // Node has it now: a whole request that was sent later has been answered.
    await fetch(`${server.url}/health`);
    expect((await server.upgrade()).status).toBe(101);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("that never sends the body it promised is cut off by Node, and holds up nobody", async () => {
    const server = await ListeningServer.open(
      {},
      { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 50 },
    );
    const half = connect(server.port, "127.0.0.1");
    const gone = new Promise<void>((resolve) => {
      half.on("error", () => {});
      half.on("close", () => resolve());
      half.resume();
    });
    half.write("POST /conversations/room/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{");
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await gone;
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it("that never takes the refusal of its upgrade does not stay", async () => {
    const server = await ListeningServer.open({ allowedOrigins: [] });
    const stubborn = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    stubborn.on("error", () => {});
    stubborn.write(
      "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://x\r\n\r\n",
    );
    const count = (): Promise<number> =>
      new Promise((resolve) => server.http.getConnections((_, connections) => resolve(connections)));
    await new Promise((resolve) => stubborn.once("data", resolve));
    while ((await count()) > 0) await new Promise((resolve) => setImmediate(resolve));
    stubborn.destroy();
  });
});
