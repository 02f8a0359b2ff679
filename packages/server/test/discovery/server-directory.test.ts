import { newUuid, systemRuntime } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { type AnnouncedServer, type Discovery, inProcessDiscovery } from "../../src/index.js";
import { call } from "../http/call.js";
import { openServer } from "../open-server.js";
import { RawDevice } from "../raw-device.js";

const LEASE = 60_000;

function server(serverId: string, other: Partial<AnnouncedServer> = {}): AnnouncedServer {
  return { serverId, url: `wss://${serverId}/`, connections: 0, capacity: 100, draining: false, ...other };
}

async function knowing(...servers: AnnouncedServer[]): Promise<Discovery> {
  const discovery = inProcessDiscovery();
  for (const announced of servers) await discovery.announce(announced, LEASE);
  return discovery;
}

/** Asks as a device does. */
async function ask(chat: Awaited<ReturnType<typeof openServer>>, query = ""): Promise<string[]> {
  const { status, body } = await call(chat, "GET", `/servers${query}`);
  expect(status).toBe(200);
  return (body as { items: { url: string }[] }).items.map(({ url }) => new URL(url).host);
}

/** Resolves when the discovery says so. */
async function until(
  discovery: Discovery,
  fits: (servers: readonly AnnouncedServer[]) => boolean,
): Promise<void> {
  while (!fits(await discovery.list())) await new Promise((resolve) => setImmediate(resolve));
}

describe("GET /servers", () => {
  it("recommends the least busy server, and two more", async () => {
    const discovery = await knowing(
      server("busy", { connections: 90 }),
      server("calm", { connections: 10 }),
      server("middle", { connections: 50 }),
      server("busiest", { connections: 95 }),
    );
    expect(await ask(await openServer({ discovery }))).toEqual(["calm", "middle", "busy"]);
  });

  it("measures by what a server takes", async () => {
    const discovery = await knowing(
      server("small", { connections: 20, capacity: 25 }),
      server("large", { connections: 200, capacity: 1_000 }),
    );
    expect(await ask(await openServer({ discovery }))).toEqual(["large", "small"]);
  });

  it("leaves out who is going away or full", async () => {
    const discovery = await knowing(
      server("draining", { draining: true }),
      server("full", { connections: 100 }),
      server("there", { connections: 99 }),
    );
    expect(await ask(await openServer({ discovery }))).toEqual(["there"]);
  });

  it("prefers the region that is asked for, and else its own, to any load", async () => {
    const discovery = await knowing(
      server("east", { region: "us-east", connections: 90 }),
      server("asia", { region: "ap", connections: 80 }),
      server("nowhere"),
    );
    const chat = await openServer({ discovery, region: "us-east" });
    expect(await ask(chat)).toEqual(["east", "nowhere", "asia"]);
    expect(await ask(chat, "?region=ap")).toEqual(["asia", "nowhere", "east"]);
    expect((await call(chat, "GET", "/servers?region=ap")).body).toEqual({
      items: [
        { url: "wss://asia/", region: "ap" },
        { url: "wss://nowhere/" },
        { url: "wss://east/", region: "us-east" },
      ],
    });
    expect(await ask(await openServer({ discovery }))).toEqual(["nowhere", "asia", "east"]);
  });

  it("does not send a crowd to one server before that can tell", async () => {
    const discovery = await knowing(
      server("a", { connections: 5 }),
      server("b", { connections: 4 }),
      server("c"),
    );
    const chat = await openServer({ discovery });
    const sent: Record<string, number> = {};
    for (let asked = 0; asked < 30; asked++) {
      const [best] = await ask(chat);
      sent[best!] = (sent[best!] ?? 0) + 1;
    }
    // So that each has thirteen.
    expect(sent).toEqual({ a: 8, b: 9, c: 13 });
  });

  it("knows of nobody without a discovery", async () => {
    expect(await ask(await openServer())).toEqual([]);
  });

  it("asks for a token, and the application's rules", async () => {
    const discovery = await knowing(server("a"));
    const chat = await openServer({ discovery, authorize: ({ operation }) => operation !== "list-servers" });
    expect((await call(chat, "GET", "/servers", undefined, "bad")).status).toBe(401);
    expect((await call(chat, "GET", "/servers")).status).toBe(403);
  });

  it("says so when the discovery is away, and when it does not answer", async () => {
    const discovery = await knowing();
    const chat = await openServer({ discovery: { ...discovery, list: () => new Promise(() => {}) } });
    const { status, body } = await call(chat, "GET", "/servers");
    expect(status).toBe(503);
    expect(body).toMatchObject({ error: { code: "store_unavailable", retryable: true } });
  });
});

describe("a server", () => {
  it("announces itself with its load while it runs", async () => {
    const discovery = inProcessDiscovery();
    const chat = await openServer({
      discovery,
      serverId: "one",
      region: "ap",
      url: "https://one.example/chat",
      settings: { announceInterval: 100, connections: 7 },
    });
    const announced = {
      serverId: "one",
      url: "wss://one.example/chat",
      region: "ap",
      capacity: 7,
      draining: false,
    };
    await until(discovery, ([own]) => own !== undefined);
    expect(await discovery.list()).toEqual([{ ...announced, connections: 0 }]);
    const device = new RawDevice(chat, "ana");
    await device.hello();
    await until(discovery, ([own]) => own?.connections === 1);
    expect(await discovery.list()).toEqual([{ ...announced, connections: 1 }]);
  });

  it("is nobody's choice from the moment it begins to drain, and gone when it has closed", async () => {
    const discovery = inProcessDiscovery();
    const seen: string[] = [];
    const watched: Discovery = {
      ...discovery,
      async announce(announcement, lease) {
        await discovery.announce(announcement, lease);
        seen.push(announcement.draining ? "draining" : "open");
      },
      async withdraw(serverId) {
        await discovery.withdraw(serverId);
        seen.push("gone");
      },
    };
    const chat = await openServer({
      discovery: watched,
      url: "ws://one.example/",
      settings: { drainSpread: 0 },
    });
    const other = await openServer({ discovery });
    await until(discovery, ([own]) => own !== undefined);
    const device = new RawDevice(chat, "ana");
    await device.hello();
    const closing = chat.close();
    const goingAway = device.until(({ type }) => type === "going-away").then(() => ask(other));
    expect(await goingAway).toEqual([]);
    await closing;
    expect(await discovery.list()).toEqual([]);
    expect(seen).toEqual(["open", "draining", "gone"]);
  });

  it("starts and takes connections while the discovery is away, and announces itself when that is back", async () => {
    const discovery = inProcessDiscovery();
    let isAway = true;
    const lines: string[] = [];
    const chat = await openServer({
      discovery: {
        ...discovery,
        announce: (announcement, lease) =>
          isAway ? Promise.reject(new Error("away")) : discovery.announce(announcement, lease),
      },
      url: "ws://one.example/",
      settings: { announceInterval: 100 },
      log: (_, event) => lines.push(event),
    });
    const device = new RawDevice(chat, "ana");
    expect((await device.hello()).type).toBe("welcome");
    while (!lines.includes("discovery_failed")) await new Promise((resolve) => setImmediate(resolve));
    isAway = false;
    await until(discovery, ([own]) => own !== undefined);
    while (!lines.includes("discovery_back")) await new Promise((resolve) => setImmediate(resolve));
    expect(lines.filter((line) => line.startsWith("discovery_"))).toEqual([
      "discovery_failed",
      "discovery_back",
    ]);
  });

  it("keeps to itself without a URL", async () => {
    const announced: string[] = [];
    const discovery: Discovery = {
      ...inProcessDiscovery(),
      announce: async ({ serverId }) => void announced.push(serverId),
      withdraw: async (serverId) => void announced.push(serverId),
    };
    const chat = await openServer({ discovery, serverId: newUuid(systemRuntime().random) });
    await chat.close();
    expect(announced).toEqual([]);
  });

  it.each(["/chat", "ftp://one.example/", "one.example"])("refuses %s for its URL", async (url) => {
    await expect(openServer({ url })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
