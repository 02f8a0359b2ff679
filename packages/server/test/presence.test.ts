import { join } from "node:path";
import { ChatError, type UserPresence } from "@chat/protocol";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import {
  type ChatServer,
  type ChatServerOptions,
  createChatServer,
  type Fanout,
  inProcessFanout,
  inProcessRegistry,
} from "../src/index.js";
import type { ConversationStore } from "../src/store/conversation-store.js";
import { sqlite } from "../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { VirtualClock } from "./virtual-clock.js";

/** Time as tests of presence need it: in steps, between which promises settle. */
async function pass(clock: VirtualClock, duration: number): Promise<void> {
  const step = 250;
  for (let passed = 0; passed < duration; passed += step) {
    clock.advance(Math.min(step, duration - passed));
    await clock.settle();
  }
}

interface World {
  readonly clock: VirtualClock;
  open(serverId?: string, options?: Partial<ChatServerOptions>): Promise<ChatServer>;
}

function world(fanout: Fanout = inProcessFanout()): World {
  const clock = new VirtualClock();
  const registry = inProcessRegistry(clock.runtime.clock);
  const file = join(temporaryFolder(), "chat.db");
  return {
    clock,
    open: (serverId = "one", { settings, ...options } = {}) =>
      openServer(
        {
          ...{ fanout, registry, serverId, runtime: clock.runtime },
          // Devices of these tests say no more than they are told to.
          settings: { heartbeatInterval: 3_600_000, ...settings },
          ...options,
        },
        file,
      ),
  };
}

const changesOf = (device: RawDevice): UserPresence[] =>
  device.received.flatMap((frame) => (frame.type === "presence-changed" ? [frame.presence] : []));

async function watch(device: RawDevice, ...userIds: string[]): Promise<readonly UserPresence[]> {
  return (await device.expect("presences", { type: "watch-presence", userIds })).presences;
}

describe("who watches a user", () => {
  it("is told of whole ms, though the clock of a machine counts their parts", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    const ana = await RawDevice.open(server, "ana");
    const bo = await RawDevice.open(server, "bo");
    await pass(clock, 500);
    await watch(bo, "ana");
    clock.advance(0.4);
    ana.drop();
    const lastActiveAt = clock.runtime.clock.now();
    await pass(clock, 31_000);
    expect(bo.received.filter(({ type }) => (type as string) === "invalid")).toEqual([]);
    expect(changesOf(bo)).toEqual([{ userId: "ana", status: "offline", lastActiveAt: lastActiveAt - 500 }]);
  });

  it("is told when they come, go idle and are back, and half a minute after they went", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "offline" }]);
    const ana = await RawDevice.open(server, "ana");
    await pass(clock, 500);
    expect(changesOf(bo)).toEqual([{ userId: "ana", status: "online" }]);
    await ana.ask({ type: "set-presence", idle: 300_000 });
    await pass(clock, 500);
    const idleSince = clock.runtime.clock.now() - 300_500;
    expect(changesOf(bo)[1]).toEqual({ userId: "ana", status: "away", lastActiveAt: idleSince });
    await ana.ask({ type: "set-presence", idle: 0 });
    await pass(clock, 500);
    expect(changesOf(bo)[2]).toEqual({ userId: "ana", status: "online" });
    const gone = clock.runtime.clock.now();
    const heard = gone - 500;
    ana.drop();
    await pass(clock, 29_000);
    expect(changesOf(bo)).toHaveLength(3);
    await pass(clock, 1_000);
    expect(changesOf(bo).slice(3)).toEqual([{ userId: "ana", status: "offline", lastActiveAt: heard }]);
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "offline", lastActiveAt: heard }]);
    // Kept: by a server that never heard of her, too.
    await pass(clock, 5_000);
    const other = await open("two", { registry: inProcessRegistry(clock.runtime.clock) });
    expect(await other.as("bo").presence(["ana"])).toEqual([
      { userId: "ana", status: "offline", lastActiveAt: heard },
    ]);
  });

  it("hears nothing of a connection that comes back soon, nor of one of several devices", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    let phone = await RawDevice.open(server, "ana");
    const laptop = await RawDevice.open(server, "ana");
    await pass(clock, 500);
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "online" }]);
    laptop.drop();
    await pass(clock, 31_000);
    await phone.ask({ type: "ping" });
    for (let lift = 0; lift < 5; lift++) {
      phone.drop();
      await pass(clock, 1_000);
      phone = await RawDevice.open(server, "ana");
      await pass(clock, 10_000);
      await phone.ask({ type: "ping" });
      await bo.ask({ type: "ping" });
    }
    expect(changesOf(bo)).toEqual([]);
    // The device that is in use counts, whatever another says.
    const tablet = await RawDevice.open(server, "ana");
    await tablet.ask({ type: "set-presence", idle: 1 });
    await pass(clock, 1_000);
    expect(changesOf(bo)).toEqual([]);
  });

  it("is told of a line that went dead within 35 s", async () => {
    const { clock, open } = world();
    const server = await open("one", { settings: { heartbeatInterval: 10_000 } });
    await server.as("ana").createDirect({ members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    const ana = await RawDevice.open(server, "ana");
    const heard = clock.runtime.clock.now();
    await pass(clock, 500);
    await watch(bo, "ana");
    // Half open: nobody closes it, and nothing comes from it any more.
    for (let passed = 0; passed < 30_000; passed += 5_000) {
      await bo.ask({ type: "ping" });
      await pass(clock, 5_000);
    }
    expect(ana.closedWith?.reason).toBe("heartbeatMissed");
    expect(changesOf(bo)).toEqual([{ userId: "ana", status: "offline", lastActiveAt: heard }]);
  });

  it("gets what gave way while much was waiting, as it is then", async () => {
    const { clock, open } = world();
    const server = await open("one", { settings: { sendQueueBytes: 100_000 } });
    await server.as("ana").createDirect({ members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    await watch(bo, "ana");
    bo.bufferedBytes = 50_000;
    const ana = await RawDevice.open(server, "ana");
    await pass(clock, 500);
    await ana.ask({ type: "set-presence", idle: 1_000 });
    await pass(clock, 5_000);
    expect(changesOf(bo)).toEqual([]);
    bo.bufferedBytes = 0;
    await pass(clock, 5_000);
    expect(changesOf(bo)).toMatchObject([{ userId: "ana", status: "away" }]);
  });

  it("hears no more of whom it forgets, nor once it is gone", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("bo").createGroup({ members: ["ana", "cy"] });
    const bo = await RawDevice.open(server, "bo");
    await watch(bo, "ana", "cy");
    await bo.expect("presences", { type: "watch-presence", userIds: [], forget: ["ana"] });
    await RawDevice.open(server, "ana");
    await RawDevice.open(server, "cy");
    await pass(clock, 500);
    expect(changesOf(bo)).toEqual([{ userId: "cy", status: "online" }]);
  });
});

describe("who may see whom", () => {
  it("says of strangers what it says of nobody: nothing", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    const eve = await RawDevice.open(server, "eve");
    expect(await watch(eve, "ana", "no such user", "eve")).toEqual([{ userId: "eve", status: "online" }]);
    await RawDevice.open(server, "ana");
    await pass(clock, 1_000);
    expect(changesOf(eve)).toEqual([]);
    expect(await server.as("eve").presence(["ana", "no such user"])).toEqual([]);
    expect(await server.system.presence(["ana", "no such user"])).toEqual([
      { userId: "ana", status: "online" },
      { userId: "no such user", status: "offline" },
    ]);
  });

  it("ends within minutes of the last common conversation", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createGroup({ id: "room", members: ["bo"] });
    await RawDevice.open(server, "ana");
    await pass(clock, 500);
    const bo = await RawDevice.open(server, "bo");
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "online" }]);
    await server.as("bo").removeMembers("room", ["bo"]);
    await pass(clock, 305_000);
    expect(changesOf(bo)).toEqual([{ userId: "ana", status: "offline" }]);
    expect(await watch(bo, "ana")).toEqual([]);
  });

  it("is for the application to decide, if it wants to", async () => {
    const { clock, open } = world();
    const asked: unknown[] = [];
    const server = await open("one", {
      mayObserve: ({ userId, others }) => {
        asked.push([userId, others]);
        if (userId === "cy") throw new ChatError("forbidden", "Not you.");
        if (userId === "di") return "everybody" as unknown as string[];
        return others.filter((other) => other === "ana");
      },
    });
    await RawDevice.open(server, "ana");
    await pass(clock, 500);
    const visible = await server.as("bo").presence(["ana", "eve", "bo"]);
    expect(visible.map(({ userId }) => userId).sort()).toEqual(["ana", "bo"]);
    expect(asked).toEqual([["bo", ["ana", "eve"]]]);
    await expect(server.as("cy").presence(["ana"])).rejects.toMatchObject({ code: "forbidden" });
    await expect(server.as("di").presence(["ana"])).rejects.toMatchObject({ code: "internal" });
  });

  it("ends at once for whoever asks again, and is answered nothing", async () => {
    const { clock, open } = world();
    const hidden = new Set<string>();
    const server = await open("one", { mayObserve: ({ others }) => others.filter((id) => !hidden.has(id)) });
    const bo = await RawDevice.open(server, "bo");
    await watch(bo, "ana", "cy");
    hidden.add("ana");
    expect(await watch(bo, "ana", "cy")).toEqual([{ userId: "cy", status: "offline" }]);
    for (const userId of ["ana", "cy"]) await RawDevice.open(server, userId);
    await pass(clock, 500);
    expect(changesOf(bo)).toEqual([{ userId: "cy", status: "online" }]);
  });

  it("leaves who wants to be seen by nobody offline, whatever they do", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    const ana = await RawDevice.open(server, "ana");
    await pass(clock, 1_000);
    const bo = await RawDevice.open(server, "bo");
    await watch(bo, "ana");
    const [own] = (await ana.expect("presences", { type: "set-presence", invisible: true })).presences;
    expect(own).toEqual({ userId: "ana", status: "online", invisible: true });
    const hidden = clock.runtime.clock.now();
    await pass(clock, 500);
    const offline = { userId: "ana", status: "offline", lastActiveAt: hidden };
    expect(changesOf(bo)).toEqual([offline]);
    await ana.ask({ type: "set-presence", idle: 10 });
    await pass(clock, 5_000);
    await ana.ask({ type: "set-presence", idle: 0 });
    await pass(clock, 5_000);
    ana.drop();
    await pass(clock, 100_000);
    const back = await RawDevice.open(server, "ana");
    await pass(clock, 70_000);
    const late = await RawDevice.open(server, "bo");
    expect(await watch(late, "ana")).toEqual([offline]);
    await back.ask({ type: "set-presence", idle: 10 });
    await pass(clock, 5_000);
    for (const device of [bo, late]) expect(changesOf(device).slice(device === bo ? 1 : 0)).toEqual([]);
    expect(await server.as("ana").presence(["ana"])).toMatchObject([{ invisible: true }]);
    await RawDevice.open(server, "ana");
    await server.as("ana").setInvisible(false);
    await pass(clock, 500);
    expect(changesOf(late)).toEqual([{ userId: "ana", status: "online" }]);
  });
});

describe("who wants to be seen by nobody", () => {
  it("hears so from the first answer on, while nobody else does", async () => {
    const { clock, open } = world();
    const server = await open();
    await server.as("ana").createDirect({ members: ["bo"] });
    await server.as("ana").setInvisible(true);
    const bo = await RawDevice.open(server, "bo");
    const ana = await RawDevice.open(server, "ana");
    // No time has passed: the server has not read it for itself yet.
    expect(await watch(ana, "ana")).toEqual([{ userId: "ana", status: "online", invisible: true }]);
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "offline" }]);
    await pass(clock, 1_000);
    for (const device of [ana, bo]) expect(changesOf(device)).toEqual([]);
  });
});

describe("what one may ask for", () => {
  it("ends at 2,000 users, over all connections", async () => {
    const server = await openServer({ mayObserve: ({ others }) => others });
    const [one, two] = [await RawDevice.open(server, "ana"), await RawDevice.open(server, "ana")];
    const some = (from: number) => Array.from({ length: 200 }, (_, index) => `user ${from + index}`);
    const codes: string[] = [];
    for (let from = 0; from < 10_000; from += 200) {
      const answer = await [one, two][(from / 200) % 2]!.ask({
        type: "watch-presence",
        userIds: some(from),
      });
      codes.push(answer.type === "error" ? answer.code : answer.type);
    }
    expect(codes.filter((code) => code === "presences")).toHaveLength(10);
    expect(codes.slice(10).every((code) => code === "limit_exceeded")).toBe(true);
    // Whoever goes makes room, and so does whoever forgets.
    await one.expect("presences", { type: "watch-presence", userIds: some(0), forget: some(0) });
    two.drop();
    await one.expect("presences", { type: "watch-presence", userIds: some(9_000) });
  });

  it("refuses a flood, and tells what comes of it once", async () => {
    const { clock, open } = world();
    const server = await open("one", { settings: { writeBurst: 40, writeRate: 1 } });
    await server.as("ana").createDirect({ members: ["bo"] });
    const bo = await RawDevice.open(server, "bo");
    await watch(bo, "ana");
    const ana = await RawDevice.open(server, "ana");
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => ana.ask({ type: "set-presence", idle: index % 2 })),
    );
    const refused = answers.filter((answer) => answer.type === "error");
    expect(refused.length).toBe(80);
    for (const answer of refused) expect(answer).toMatchObject({ code: "rate_limited", retryable: true });
    await pass(clock, 1_000);
    expect(changesOf(bo)).toHaveLength(1);
  });
});

describe("several servers", () => {
  it("know of each other's users, those who were there before them, too", async () => {
    const { clock, open } = world();
    const one = await open("one");
    await one.as("ana").createDirect({ members: ["bo"] });
    const ana = await RawDevice.open(one, "ana");
    await pass(clock, 1_000);
    const two = await open("two");
    await pass(clock, 5_500);
    const bo = await RawDevice.open(two, "bo");
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "online" }]);
    await ana.ask({ type: "set-presence", idle: 5_000 });
    await pass(clock, 500);
    expect(changesOf(bo)).toMatchObject([{ userId: "ana", status: "away" }]);
    // She moves to the other one: nobody notices.
    const moved = await RawDevice.open(two, "ana");
    await moved.ask({ type: "set-presence", idle: 6_000 });
    ana.drop();
    await pass(clock, 20_000);
    await moved.ask({ type: "ping" });
    await bo.ask({ type: "ping" });
    await pass(clock, 15_000);
    expect(changesOf(bo)).toHaveLength(1);
    await one.as("ana").setInvisible(true);
    await pass(clock, 500);
    expect(changesOf(bo)[1]).toMatchObject({ userId: "ana", status: "offline" });
  });

  it("hear within 35 s that one has crashed, and not that one was deployed anew", async () => {
    const mortal = new MortalFanout();
    const { clock, open } = world(mortal);
    const [one, two] = [await open("one"), await open("two")];
    await one.as("ana").createGroup({ members: ["bo", "cy"] });
    await RawDevice.open(one, "ana");
    await RawDevice.open(one, "cy");
    await pass(clock, 6_000);
    const bo = await RawDevice.open(two, "bo");
    expect((await watch(bo, "ana", "cy")).map(({ status }) => status)).toEqual(["online", "online"]);
    mortal.kill("one");
    const died = clock.runtime.clock.now();
    // Ana is back at once, on the server that took over; cy is not.
    await pass(clock, 2_000);
    await RawDevice.open(two, "ana");
    await pass(clock, 33_000);
    expect(changesOf(bo)).toMatchObject([{ userId: "cy", status: "offline" }]);
    const { lastActiveAt = 0 } = changesOf(bo)[0]!;
    expect(Math.abs(died - lastActiveAt)).toBeLessThanOrEqual(5_000);
  });

  it("say nothing of who wants to be seen by nobody: neither that they came, nor went, nor that their server crashed", async () => {
    const mortal = new MortalFanout();
    const { clock, open } = world(mortal);
    const [one, two] = [await open("seen-by-nobody"), await open("watching")];
    await one.as("ana").createDirect({ members: ["bo"] });
    await one.as("ana").setInvisible(true);
    const bo = await RawDevice.open(two, "bo");
    expect(await watch(bo, "ana")).toEqual([{ userId: "ana", status: "offline" }]);
    const ana = await RawDevice.open(one, "ana");
    await pass(clock, 6_000);
    ana.drop();
    await pass(clock, 40_000);
    await RawDevice.open(one, "ana");
    await pass(clock, 6_000);
    mortal.kill("seen-by-nobody");
    await pass(clock, 40_000);
    expect(changesOf(bo)).toEqual([]);
    // Once she wants to be seen, she is.
    await RawDevice.open(two, "ana");
    await two.as("ana").setInvisible(false);
    await pass(clock, 500);
    expect(changesOf(bo)).toEqual([{ userId: "ana", status: "online" }]);
  });

  it("make up for what the fan-out loses", async () => {
    let losing = false;
    const inner = inProcessFanout();
    const { clock, open } = world({
      subscribe: (...subscription) => inner.subscribe(...subscription),
      publish: (...envelope) => losing || inner.publish(...envelope),
      close: () => inner.close(),
    });
    const [one, two] = [await open("one"), await open("two")];
    await one.as("ana").createGroup({ members: ["bo", "cy"] });
    const ana = await RawDevice.open(one, "ana");
    await pass(clock, 6_000);
    const bo = await RawDevice.open(two, "bo");
    await watch(bo, "ana", "cy");
    losing = true;
    await ana.ask({ type: "set-presence", idle: 1 });
    await RawDevice.open(one, "cy");
    await pass(clock, 1_000);
    expect(changesOf(bo)).toEqual([]);
    losing = false;
    await pass(clock, 5_500);
    const told = changesOf(bo).map(({ userId, status }) => `${userId} ${status}`);
    expect(told.sort()).toEqual(["ana away", "cy online"]);
  });
});

/** A fan-out of whose servers one can die without a word. */
class MortalFanout implements Fanout {
  readonly #inner = inProcessFanout();
  readonly #dead = new Set<string>();
  readonly #handlers = new Map<string, (envelope: Uint8Array) => void>();
  kill(serverId: string): void {
    this.#dead.add(serverId);
  }
  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    const text = new TextDecoder().decode(envelope);
    if ([...this.#dead].some((serverId) => text.includes(serverId))) return;
    this.#inner.publish(serverIds, envelope);
  }
  subscribe(serverId: string, handler: (envelope: Uint8Array) => void) {
    this.#handlers.set(serverId, handler);
    return this.#inner.subscribe(serverId, handler);
  }
  close() {
    return this.#inner.close();
  }
}

it("costs as much for a user of hundreds of conversations as for one of a single one", async () => {
  const clock = new VirtualClock();
  const database = new Database(join(temporaryFolder(), "chat.db"));
  const store = sqlite(database);
  const calls: string[] = [];
  const conversations = new Proxy(store.conversations, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      calls.push(String(name));
      return value.bind(target) as unknown;
    },
  });
  const counted = new Proxy(store, {
    get: (target, name) => {
      if (name === "conversations") return conversations satisfies ConversationStore;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const server = createChatServer({
    store: counted,
    authenticate: ({ token }) => ({ userId: token }),
    runtime: clock.runtime,
    settings: { reconcileInterval: 1e9, retentionInterval: 1e9, heartbeatInterval: 1e9 },
  });
  await server.ready();
  const costs: unknown[] = [];
  const start = clock.runtime.clock.now();
  /** To right behind the round of each minute. */
  const align = () => pass(clock, 61_000 - ((clock.runtime.clock.now() - start) % 60_000));
  for (const [userId, many] of [
    ["ana", 1],
    ["zoe", 300],
  ] as const) {
    for (let index = 0; index < many; index++) {
      await server.as(userId).createGroup({ id: `${userId} ${index}`, members: ["bo", "cy"] });
    }
    const watchers = [await RawDevice.open(server, "bo"), await RawDevice.open(server, "cy")];
    for (const device of watchers) await watch(device, userId);
    const device = await RawDevice.open(server, userId);
    await align();
    const framesBefore = watchers.map(({ received }) => received.length);
    await device.ask({ type: "ping" });
    calls.length = 0;
    // A flap of a second, then one that is told.
    device.drop();
    await pass(clock, 1_000);
    const again = await RawDevice.open(server, userId);
    await pass(clock, 35_000);
    const flap = {
      // What every session reads as it begins.
      calls: calls.filter((name) => name !== "memberOf" && name !== "privacies"),
      frames: watchers.map(({ received }, index) => received.length - framesBefore[index]!),
    };
    await align();
    await again.ask({ type: "ping" });
    calls.length = 0;
    again.drop();
    await pass(clock, 40_000);
    costs.push([
      flap,
      {
        calls: [...calls],
        frames: watchers.map(({ received }, index) => received.length - framesBefore[index]!),
      },
    ]);
    for (const watcher of watchers) watcher.drop();
    await pass(clock, 60_000);
  }
  expect(costs[1]).toEqual(costs[0]);
  expect(costs[0]).toEqual([
    { calls: [], frames: [0, 0] },
    { calls: ["setLastActive"], frames: [1, 1] },
  ]);
  await server.close();
  database.close();
});
