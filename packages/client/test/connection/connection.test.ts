import { ChatError, type ClientFrame, createServerCodec } from "@chat/protocol";
import { afterEach, describe, expect, test } from "vitest";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import type { ChatClient } from "../../src/public-types.js";
import { createWorld, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

/** A wake-up event that a test triggers. */
function signals() {
  const wakers = new Set<() => void>();
  return {
    listeners: wakers,
    wake: () => wakers.forEach((wake) => wake()),
    subscribe(wake: () => void) {
      wakers.add(wake);
      return () => void wakers.delete(wake);
    },
  };
}

function framesOf<T extends ClientFrame["type"]>(type: T): Extract<ClientFrame, { type: T }>[] {
  return world.server.received
    .flatMap(({ frames }) => frames)
    .filter((frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type);
}

function errorsOf(client: ChatClient): string[] {
  const codes: string[] = [];
  client.on("error", ({ code }) => codes.push(code));
  return codes;
}

describe("reconnecting", () => {
  test("waits a random time below a cap that grows by 500 ms a try, and no longer than 30 s", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.unreachable = true;
    const tries: number[] = [];
    const transport = (url: string, protocols: readonly string[]) => {
      tries.push(clock.monotonic());
      return server.connect(url, protocols);
    };
    const client = world.device("ana", { transport });
    await clock.advance(600_000);
    expect(client.status.connection).toBe("connecting");
    expect(tries.length).toBeGreaterThan(20);
    for (const [index, at] of tries.entries()) {
      if (index === 0) continue;
      const cap = Math.min(CLIENT_LIMITS.backoffCap, CLIENT_LIMITS.backoffStep * index);
      // The try itself takes a moment.
      expect(at - tries[index - 1]!).toBeLessThanOrEqual(cap + 2);
    }
    // Full jitter: the waits use their range, not only its end.
    expect(Math.max(...tries.slice(10).map((at, index) => at - tries[index + 9]!))).toBeGreaterThan(20_000);
    server.faults.unreachable = false;
    await clock.advance(31_000);
    expect(client.status).toMatchObject({ connection: "online", synced: true });
  });

  test("everybody is back within 5 s after an outage of 8 s, without being told of a network", async () => {
    world = createWorld();
    const { clock, server } = world;
    const devices = Array.from({ length: 100 }, (_, index) => world.device(`user-${index}`));
    await clock.advance(20_000);
    server.faults.unreachable = true;
    server.cut();
    await clock.advance(8_000);
    server.faults.unreachable = false;
    await clock.advance(5_000);
    expect(devices.filter(({ status }) => !status.synced)).toEqual([]);
  });

  test("begins the backoff anew after a connection that lasted, and waits 4 s at most after one that was welcomed", async () => {
    world = createWorld();
    const { clock, server } = world;
    const tries: number[] = [];
    world.device("ana", {
      transport: (url, protocols) => {
        tries.push(clock.monotonic());
        return server.connect(url, protocols);
      },
    });
    // Connections that break within a second are made again more slowly, and not ever more slowly: the server is up.
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000);
      server.cut();
    }
    const early = tries.length;
    expect(early).toBeLessThan(80);
    const waits = tries.slice(1).map((at, index) => at - tries[index]!);
    expect(Math.max(...waits)).toBeGreaterThan(3_000);
    // A second until the cut, and the time that a connection takes.
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_010);
    await clock.advance(31_000 + CLIENT_LIMITS.stableAfter);
    const before = tries.length;
    server.cut();
    await clock.advance(CLIENT_LIMITS.backoffStep + 5);
    expect(tries.length).toBe(before + 1);
  });

  test("keeps to the delay that the server wishes when it goes away", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.goAway(7_000);
    await clock.advance(1_000);
    server.cut("ana", 4503);
    await clock.advance(5_900);
    expect(client.status.connection).toBe("connecting");
    expect(framesOf("hello")).toHaveLength(1);
    await clock.advance(200);
    expect(client.status.connection).toBe("online");
  });

  test("does not stay away for longer than a while, whatever the server wishes", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.goAway(2 ** 32);
    await clock.advance(1_000);
    server.cut("ana", 4503);
    await clock.advance(CLIENT_LIMITS.longestWait - 1_000);
    expect(client.status.connection).toBe("connecting");
    await clock.advance(2_000);
    expect(client.status.connection).toBe("online");
  });

  test("gives up a socket that never opens or is never welcomed", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.outgoing = (frame) => (frame.type === "welcome" ? [] : [0]);
    const client = world.device("ana");
    await clock.advance(CLIENT_LIMITS.connectTimeout - 100);
    expect(framesOf("hello")).toHaveLength(1);
    server.faults.outgoing = undefined;
    await clock.advance(1_000);
    expect(framesOf("hello")).toHaveLength(2);
    expect(client.status.connection).toBe("online");
  });

  test("a late socket of an earlier try is closed and not used", async () => {
    world = createWorld();
    const { clock, server } = world;
    let held: (() => void) | undefined;
    const client = world.device("ana", {
      transport: (url, protocols) =>
        held === undefined
          ? new Promise((resolve) => (held = () => resolve(server.connect(url, protocols))))
          : server.connect(url, protocols),
    });
    await clock.advance(CLIENT_LIMITS.connectTimeout + 1_000);
    expect(client.status.connection).toBe("online");
    held!();
    await clock.advance(1_000);
    expect(framesOf("hello")).toHaveLength(1);
    expect(server.sessions).toHaveLength(1);
  });
});

describe("the heartbeat", () => {
  test("pings at the server's interval, the first within it", async () => {
    world = createWorld({ heartbeatInterval: 20_000 });
    const { clock } = world;
    world.device("ana");
    await clock.advance(20_010);
    expect(framesOf("ping")).toHaveLength(1);
    await clock.advance(60_000);
    expect(framesOf("ping")).toHaveLength(4);
  });

  test.each([25_000, 4_000])("gives a silent socket up (interval %i ms)", async (heartbeatInterval) => {
    world = createWorld({ heartbeatInterval });
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "pong" ? [] : [0]);
    await clock.advance(heartbeatInterval + CLIENT_LIMITS.pongTimeout + 10);
    expect(framesOf("hello").length + Number(client.status.connection === "connecting")).toBe(2);
    server.faults.outgoing = undefined;
    await clock.advance(5_000);
    expect(client.status.connection).toBe("online");
    expect(server.sessions).toHaveLength(1);
  });

  test("takes anything that comes as a sign of life", async () => {
    world = createWorld({ heartbeatInterval: 25_000 });
    const { clock, server } = world;
    const room = server.createGroup(["ana", "bo"]);
    world.device("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "pong" ? [30_000] : [0]);
    for (let second = 0; second < 60; second++) {
      server.post(room, "bo", `still here ${second}`);
      await clock.advance(1_000);
    }
    expect(framesOf("hello")).toHaveLength(1);
  });

  test("a wake-up probes a connection at once, and reconnects soon if it is dead", async () => {
    world = createWorld();
    const { clock, server } = world;
    const awake = signals();
    const client = world.device("ana", { signals: awake });
    await clock.advance(1_000);
    server.faults.outgoing = (frame) => (frame.type === "pong" ? [] : [0]);
    awake.wake();
    await clock.advance(2);
    expect(framesOf("ping")).toHaveLength(1);
    await clock.advance(CLIENT_LIMITS.wakeTimeout);
    expect(client.status.connection).toBe("connecting");
  });

  test("a sleep that no event tells of is seen in the clocks, and probed", async () => {
    world = createWorld({ heartbeatInterval: 60_000 });
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    const pings = (): number => framesOf("ping").length;
    const before = pings();
    // Nothing but a slow timer.
    clock.sleep(CLIENT_LIMITS.wakeDelay - 1_000);
    await clock.advance(CLIENT_LIMITS.wakeInterval + 100);
    expect(pings() - before).toBeLessThanOrEqual(1);
    const rested = pings();
    clock.sleep(3_600_000);
    server.faults.incoming = () => "lost";
    await clock.advance(CLIENT_LIMITS.wakeInterval);
    expect(pings() - rested).toBe(1);
    expect(framesOf("hello")).toHaveLength(1);
    await clock.advance(CLIENT_LIMITS.wakeTimeout + CLIENT_LIMITS.backoffStep);
    expect(framesOf("hello")).toHaveLength(2);
    expect(client.status.connection).toBe("online");
  });

  test("a sleep ends the wait for the next try", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.unreachable = true;
    const client = world.device("ana");
    // So long that some wait of the backoff is longer than the looks.
    await clock.advance(300_000);
    server.faults.unreachable = false;
    clock.sleep(3_600_000);
    await clock.advance(CLIENT_LIMITS.wakeInterval + 10);
    expect(client.status.connection).toBe("online");
  });

  test("a wake-up ends the wait for the next try", async () => {
    world = createWorld();
    const { clock, server } = world;
    const awake = signals();
    server.faults.unreachable = true;
    const client = world.device("ana", { signals: awake });
    await clock.advance(200_000);
    server.faults.unreachable = false;
    awake.wake();
    await clock.advance(10);
    expect(client.status.connection).toBe("online");
    await client.close();
    expect(awake.listeners.size).toBe(0);
  });

  test("a wake-up lets the backoff begin anew", async () => {
    world = createWorld();
    const { clock, server } = world;
    const awake = signals();
    server.faults.unreachable = true;
    const client = world.device("ana", { signals: awake });
    await clock.advance(200_000);
    awake.wake();
    await clock.advance(1);
    server.faults.unreachable = false;
    await clock.advance(CLIENT_LIMITS.backoffStep);
    expect(client.status.connection).toBe("online");
  });

  test("a wake-up gives up a try that leads nowhere, but not one that has just begun", async () => {
    world = createWorld();
    const { clock, server } = world;
    const awake = signals();
    let tries = 0;
    world.device("ana", {
      signals: awake,
      transport: (url, protocols) => {
        tries++;
        return tries === 1 ? new Promise<never>(() => {}) : server.connect(url, protocols);
      },
    });
    await clock.advance(CLIENT_LIMITS.wakeTimeout - 100);
    awake.wake();
    await clock.advance(200);
    expect(tries).toBe(1);
    awake.wake();
    await clock.advance(10);
    expect(tries).toBe(2);
  });
});

describe("the token", () => {
  test("is asked for anew for every connect", async () => {
    world = createWorld();
    const { clock, server } = world;
    let asked = 0;
    world.device("ana", { token: () => `token ${++asked}` });
    await clock.advance(1_000);
    server.cut();
    await clock.advance(2_000);
    expect(framesOf("hello").map(({ token }) => token)).toEqual(["token 1", "token 2"]);
  });

  test("that was refused is replaced by a new one", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.hello = ({ token }) =>
      token === "token 1" ? new ChatError("unauthenticated", "expired") : undefined;
    let asked = 0;
    const client = world.device("ana", { token: async () => `token ${++asked}` });
    await clock.advance(2_000);
    expect(client.status).toMatchObject({ connection: "online" });
    expect(client.status.error).toBeUndefined();
  });

  test("stops the client when it is refused again and again, until connect()", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.hello = () => new ChatError("unauthenticated", "no");
    const client = world.device("ana");
    const errors = errorsOf(client);
    await clock.advance(120_000);
    expect(client.status).toMatchObject({ connection: "stopped", error: { code: "unauthenticated" } });
    expect(errors).toEqual(Array(CLIENT_LIMITS.tokenAttempts).fill("unauthenticated"));
    expect(framesOf("hello")).toHaveLength(CLIENT_LIMITS.tokenAttempts);
    server.faults.hello = undefined;
    client.connect();
    await clock.advance(1_000);
    expect(client.status.connection).toBe("online");
  });

  test("that can't be had is asked for again later", async () => {
    world = createWorld();
    const { clock } = world;
    let asked = 0;
    const client = world.device("ana", {
      token: () => {
        if (++asked < 4) throw new Error("the login service is down");
        return "a token";
      },
    });
    const errors = errorsOf(client);
    await clock.advance(10_000);
    expect(client.status.connection).toBe("online");
    expect(errors).toEqual(["internal", "internal", "internal"]);
  });

  test("a promise of one that never comes does not block the client", async () => {
    world = createWorld();
    const { clock } = world;
    let asked = 0;
    const client = world.device("ana", {
      token: () => (++asked === 1 ? new Promise<string>(() => {}) : "a token"),
    });
    await clock.advance(CLIENT_LIMITS.connectTimeout + 1_000);
    expect(client.status.connection).toBe("online");
  });
});

describe("a refusal", () => {
  test("that is retryable is tried again", async () => {
    world = createWorld();
    const { clock, server } = world;
    let hellos = 0;
    server.faults.hello = () =>
      ++hellos < 3 ? new ChatError("overloaded", "later", { retryAfter: 50 }) : undefined;
    const client = world.device("ana");
    await clock.advance(20_000);
    expect(client.status.connection).toBe("online");
  });

  test("for good stops the client", async () => {
    world = createWorld();
    const { clock, server } = world;
    server.faults.hello = () => new ChatError("unsupported_version", "update");
    const client = world.device("ana");
    await clock.advance(60_000);
    expect(client.status).toMatchObject({ connection: "stopped", error: { code: "unsupported_version" } });
    expect(framesOf("hello")).toHaveLength(1);
  });

  test("for what only a defect explains is no end: it backs off", async () => {
    world = createWorld();
    const { clock, server } = world;
    let refusals = 0;
    server.faults.hello = () =>
      ++refusals <= 5 ? new ChatError("hello_expected", "not like that") : undefined;
    const client = world.device("ana");
    await clock.advance(60_000);
    expect(framesOf("hello")).toHaveLength(6);
    expect(client.status.connection).toBe("online");
  });

  test("by a terminal close code stops the client", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.cut("ana", 4426);
    await clock.advance(60_000);
    expect(client.status).toMatchObject({ connection: "stopped", error: { code: "unsupported_version" } });
  });
});

describe("connect, disconnect and close", () => {
  test("go offline on purpose and back", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    client.disconnect();
    expect(client.status).toMatchObject({ connection: "offline", synced: false });
    await clock.advance(60_000);
    expect(server.sessions).toHaveLength(0);
    expect(framesOf("hello")).toHaveLength(1);
    client.connect();
    client.connect();
    await clock.advance(1_000);
    expect(client.status).toMatchObject({ connection: "online", synced: true });
    expect(framesOf("hello")).toHaveLength(2);
  });

  test("disconnect before the cache is open", async () => {
    world = createWorld();
    const { clock } = world;
    const client = world.device("ana");
    client.disconnect();
    expect(client.status.connection).toBe("offline");
    await clock.advance(10_000);
    expect(framesOf("hello")).toHaveLength(0);
  });

  test("close ends everything, once", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    const request = client.conversations.fetch("nowhere");
    const refused = expect(request).rejects.toMatchObject({ code: "closed" });
    await Promise.all([client.close(), client.close()]);
    await refused;
    expect(client.status.connection).toBe("closed");
    client.connect();
    await clock.advance(60_000);
    expect(client.status.connection).toBe("closed");
    expect(server.sessions).toHaveLength(0);
    expect(clock.scheduled).toBe(0);
    await expect(client.conversations.fetch("nowhere")).rejects.toMatchObject({ code: "closed" });
  });

  test("close before the cache is open", async () => {
    world = createWorld();
    const client = world.device("ana");
    const ready = expect(client.ready()).rejects.toMatchObject({ code: "closed" });
    await client.close();
    await ready;
    await world.clock.advance(10_000);
    expect(framesOf("hello")).toHaveLength(0);
  });
});

describe("a server that answers amiss", () => {
  test("with another kind of answer than was asked for is left, and asked again on the next connection", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    const errors = errorsOf(client);
    await clock.advance(1_000);
    server.faults.outgoing = (frame, session) => {
      if (frame.type !== "conversation") return [0];
      server.faults.outgoing = undefined;
      session.send({ type: "users", requestId: frame.requestId, profiles: [] });
      return [];
    };
    const created = client.conversations.createGroup({ members: ["bo"] });
    await clock.advance(5_000);
    expect((await created).summary.memberCount).toBe(2);
    expect(errors).toContain("malformed_frame");
    expect(framesOf("hello")).toHaveLength(2);
  });

  test("without the profile that was set is refused with a typed error", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana");
    await clock.advance(1_000);
    server.faults.outgoing = (frame, session) => {
      if (frame.type !== "users" || frame.profiles.length === 0) return [0];
      session.send({ ...frame, profiles: [] });
      return [];
    };
    const refused = expect(client.users.setProfile({ name: "Ana" })).rejects.toMatchObject({
      name: "ChatError",
      code: "internal",
    });
    await clock.advance(1_000);
    await refused;
  });

  test("asking for pings without pause gets one a second", async () => {
    world = createWorld({ heartbeatInterval: 0 });
    world.device("ana");
    await world.clock.advance(60_000);
    expect(framesOf("ping").length).toBeGreaterThan(50);
    expect(framesOf("ping").length).toBeLessThan(62);
  });
});

test("nothing but the hello is sent before the welcome, also while somebody writes", async () => {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const codec = createServerCodec();
  const sent: { readonly type: string; readonly whenOnline: boolean }[] = [];
  const client: ChatClient = world.device("ana", {
    async transport(url, protocols) {
      const socket = await server.connect(url, protocols);
      const send = socket.send.bind(socket);
      socket.send = (bytes) => {
        const whenOnline = client.status.connection === "online";
        for (const { type } of codec.decode(bytes)) sent.push({ type, whenOnline });
        send(bytes);
      };
      return socket;
    },
  });
  await clock.advance(1_000);
  for (let cuts = 0; cuts < 3; cuts++) {
    server.cut();
    for (let ms = 0; ms < 4_000; ms++) {
      client.conversations.get(room)!.setTyping(ms % 2 === 0);
      await clock.advance(1);
    }
  }
  expect(client.status.connection).toBe("online");
  expect(sent.filter(({ type }) => type === "hello")).toHaveLength(4);
  expect(sent.some(({ type }) => type === "set-typing")).toBe(true);
  expect(sent.filter(({ type, whenOnline }) => !whenOnline && type !== "hello")).toEqual([]);
});

describe("a token that expires", () => {
  test("is made anew when the server asks, once at a time, and again after a failure", async () => {
    world = createWorld();
    const { clock, server } = world;
    let made = 0;
    let fails = false;
    const token = async () => {
      await new Promise<void>((resolve) => clock.schedule(1_000, resolve));
      if (fails) throw new Error("the application's service is away");
      return `token ${++made}`;
    };
    const client = world.device("ana", { token });
    await clock.advance(2_000);
    const ask = () => server.sessions[0]!.send({ type: "token-expiring", expiresIn: 60_000 });
    ask();
    ask();
    await clock.advance(2_000);
    expect(framesOf("refresh-token").map((frame) => frame.token)).toEqual(["token 2"]);

    fails = true;
    const errors = errorsOf(client);
    ask();
    await clock.advance(2_000);
    expect(errors).toHaveLength(1);
    fails = false;
    ask();
    await clock.advance(2_000);
    expect(framesOf("refresh-token")).toHaveLength(2);
    expect(client.status.connection).toBe("online");
  });

  test("ends the connection, which is made again with a new one", async () => {
    world = createWorld();
    const { clock, server } = world;
    let made = 0;
    const client = world.device("ana", { token: () => `token ${++made}` });
    await clock.advance(1_000);
    const over = { type: "error", requestId: 0, code: "unauthenticated", retryable: false } as const;
    server.sessions[0]!.send({ ...over, message: "The token has expired." });
    await clock.advance(10);
    server.cut("ana", 4401);
    await clock.advance(1_000);
    expect(client.status.connection).toBe("online");
    expect(framesOf("hello").map((frame) => frame.token)).toEqual(["token 1", "token 2"]);
  });

  test("and that can't be had anew is no loop", async () => {
    world = createWorld();
    const { clock, server } = world;
    const client = world.device("ana", { token: "the only one" });
    await clock.advance(1_000);
    server.faults.hello = () => new ChatError("unauthenticated", "The token has expired.");
    server.cut("ana", 4401);
    await clock.advance(120_000);
    expect(client.status.connection).toBe("stopped");
    expect(framesOf("hello")).toHaveLength(1 + CLIENT_LIMITS.tokenAttempts);
  });
});
