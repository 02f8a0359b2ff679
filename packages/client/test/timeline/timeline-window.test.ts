import { afterEach, describe, expect, test } from "vitest";
import type { ChatClient, TimelineWindow, WindowOptions } from "../../src/public-types.js";
// What is loaded only where it is needed is here already, so that no clock has to wait for it.
import "../../src/timeline/open-window.js";
import type { Cache } from "../../src/cache/cache.js";
import { memoryCache } from "../../src/cache/memory-cache.js";
import { seededRandom } from "../../src/testing/virtual-clock.js";
import { createWorld, type World } from "../world.js";

let world: World;
afterEach(() => world.close());

const ROOM = "room";

/** Says `count` messages, named by their ids. */
function say(count: number): void {
  const from = world.server.log(ROOM).length + 1;
  for (let id = from; id < from + count; id++) world.server.post(ROOM, "bo", `m${id}`);
}

async function soon<T>(promise: Promise<T>, ms = 1_000): Promise<T> {
  promise.catch(() => {});
  await world.clock.advance(ms);
  return promise;
}

/** Ana's client with so many messages in the room besides its first entry, the timeline opened. */
async function start(count: number, options: Parameters<World["device"]>[1] = {}): Promise<ChatClient> {
  world = createWorld();
  world.server.createGroup(["ana", "bo"], ROOM);
  say(count);
  const ana = world.device("ana", options);
  await world.clock.advance(1_000);
  expect(timelineOf(ana).messages).toEqual([]);
  await world.clock.advance(1_000);
  return ana;
}

const timelineOf = (client: ChatClient) => client.conversations.get(ROOM)!.timeline;
const open = (client: ChatClient, options: WindowOptions): Promise<TimelineWindow> =>
  soon(timelineOf(client).window(options));

function ids({ messages }: Pick<TimelineWindow, "messages">): number[] {
  return messages.flatMap(({ messageId }) => messageId ?? []);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function rangesAsked(): number {
  return world.server.received.flatMap(({ frames }) => frames).filter(({ type }) => type === "get-range")
    .length;
}

describe("a window", () => {
  test("shows what lies around a message, which the timeline does not", async () => {
    const ana = await start(500);
    const window = await open(ana, { around: 200, limit: 20 });
    expect(ids(window)).toEqual(range(191, 210));
    expect(window).toMatchObject({ state: "complete", hasOlder: true, hasNewer: true });
    expect(ids(timelineOf(ana))).toEqual(range(472, 501));
    // What arrives at the end has no place in it.
    const { messages } = window;
    say(1);
    await world.clock.advance(100);
    expect(window.messages).toBe(messages);
    expect(ids(timelineOf(ana)).at(-1)).toBe(502);
  });

  test("pages both ways, and goes on live where it reaches the end", async () => {
    const ana = await start(300);
    const window = await open(ana, { around: 150, limit: 30 });
    let told = 0;
    window.subscribe(() => told++);
    while (window.hasOlder) await soon(window.loadOlder({ limit: 40 }));
    expect(ids(window)[0]).toBe(1);
    let steps = 0;
    while (window.hasNewer) {
      await soon(window.loadNewer({ limit: 40 }));
      expect(++steps).toBeLessThan(10);
    }
    expect(ids(window)).toEqual(range(1, 301));
    expect(told).toBeGreaterThan(0);
    say(1);
    await world.clock.advance(100);
    expect(ids(window)).toEqual(range(1, 302));
    const { stored } = await ana.conversations.get(ROOM)!.send("mine");
    expect(window.messages.at(-1)).toMatchObject({ text: "mine", state: "pending" });
    await soon(stored);
    expect(window.messages.at(-1)).toMatchObject({ text: "mine", state: "stored", messageId: 303 });
    expect(window.messages).toHaveLength(303);
    expect(window.state).toBe("complete");
  });

  test("is the timeline's own end where that is asked for, or what lies beyond", async () => {
    const ana = await start(100);
    for (const around of [101, 5_000]) {
      const window = await open(ana, { around, limit: 10 });
      expect(ids(window).at(-1)).toBe(101);
      expect(window.hasNewer).toBe(false);
      window.close();
    }
    const first = await open(ana, { around: 0, limit: 10 });
    expect(ids(first)).toEqual(range(1, 6));
    expect(first.hasOlder).toBe(false);
  });

  test("is read from what is held, also offline; what is not waits for a connection", async () => {
    const ana = await start(500);
    (await open(ana, { around: 200, limit: 40 })).close();
    ana.disconnect();
    const asked = rangesAsked();
    const window = await open(ana, { around: 200, limit: 20 });
    expect(ids(window)).toEqual(range(190, 209));
    expect(rangesAsked()).toBe(asked);
    await soon(window.loadOlder({ limit: 5 }));
    expect(ids(window)[0]).toBe(185);
    const page = soon(window.loadOlder({ limit: 50 }));
    const other = timelineOf(ana).window({ around: 50, limit: 10 });
    await world.clock.advance(5_000);
    await page.catch(() => {});
    expect(window.state).toBe("complete");
    ana.connect();
    expect(ids(await soon(other))).toEqual(range(46, 55));
    await page;
  });

  test("can be given up while it is being opened, and says when that takes too long", async () => {
    const ana = await start(500);
    ana.disconnect();
    const controller = new AbortController();
    const given = timelineOf(ana).window({ around: 100, signal: controller.signal });
    await world.clock.settle();
    controller.abort();
    await expect(soon(given)).rejects.toMatchObject({ code: "aborted" });
    await expect(soon(timelineOf(ana).window({ around: 100 }), 31_000)).rejects.toMatchObject({
      code: "timeout",
    });
  });

  test("can be given up while the newest messages are fetched first", async () => {
    const ana = await start(300);
    world.server.faults.outgoing = ({ type }) => (type === "range" || type === "entries" ? [] : [0]);
    say(1);
    world.server.cut();
    await world.clock.advance(1_000);
    const controller = new AbortController();
    const given = timelineOf(ana).window({ around: 100, signal: controller.signal });
    controller.abort();
    await expect(soon(given, 100)).rejects.toMatchObject({ code: "aborted" });
  });

  test("shows no word that was redacted or erased", async () => {
    const ana = await start(300);
    const window = await open(ana, { around: 100, limit: 20 });
    world.server.redact(ROOM, "bo", 100);
    await world.clock.advance(100);
    const line = window.messages.find(({ messageId }) => messageId === 100);
    expect(line).toMatchObject({ redacted: true });
    expect(line).not.toHaveProperty("text");
    world.server.erase(ROOM, "bo");
    await world.clock.advance(100);
    expect(window.messages.filter(({ text }) => text !== undefined)).toEqual([]);
    expect(ids(window)).toEqual(range(91, 110));
    const { messages } = window;
    expect(window.messages).toBe(messages);
  });

  test("is read anew where the server has lost what it shows, and stays what else it is", async () => {
    const ana = await start(100);
    const backup = world.server.backup();
    say(200);
    await world.clock.advance(1_000);
    const window = await open(ana, { around: 100, limit: 30 });
    expect(ids(window)).toEqual(range(85, 114));
    world.server.restore(backup);
    for (let id = 0; id < 60; id++) world.server.post(ROOM, "bo", `other ${id}`);
    await world.clock.advance(60_000);
    const texts = window.messages.map(({ text }) => text);
    expect(texts.filter((text) => text?.startsWith("m")).at(-1)).toBe("m101");
    while (window.hasNewer) await soon(window.loadNewer());
    expect(ids(window).at(-1)).toBe(161);
    expect(window.messages.at(-1)?.text).toBe("other 59");
    expect(window.state).toBe("complete");
  });

  test("forgets with everything else when the store's history is another one", async () => {
    const ana = await start(200);
    const window = await open(ana, { around: 100, limit: 10 });
    world.server.changeEpoch();
    await world.clock.advance(60_000);
    expect(window.messages).toEqual([]);
    expect(window.state).toBe("gap");
  });

  test("tells nobody of anything once it is closed", async () => {
    const ana = await start(100);
    const window = await open(ana, { around: 101, limit: 10 });
    let told = 0;
    window.subscribe(() => told++);
    window.close();
    say(1);
    await world.clock.advance(100);
    expect(told).toBe(0);
    await expect(soon(window.loadOlder())).rejects.toMatchObject({ code: "aborted" });
  });

  test.each([12.5, NaN, Infinity])(
    "and the timeline page by whole messages where %d are asked for",
    async (limit) => {
      const memory = memoryCache({ random: seededRandom(3) });
      // As IndexedDB takes a number.
      const read: Cache["read"] = (id, { limit, ...query }) =>
        memory.read(id, { ...query, limit: Math.floor(limit) });
      const ana = await start(20, { cache: { ...memory, read } });
      say(300);
      await world.clock.advance(1_000);
      const backTo = async (view: TimelineWindow | ChatClient["conversations"]["items"][0]["timeline"]) => {
        await soon(view.loadOlder({ limit }));
        await soon(view.loadOlder({ limit }));
        const all = ids(view);
        expect(all).toEqual(range(all[0]!, all.at(-1)!));
        expect(view.hasOlder).toBe(all[0] !== 1);
      };
      await backTo(timelineOf(ana));
      await backTo(await open(ana, { around: 250, limit }));
    },
  );

  test("that is closed while it pages reads no more once the log was replaced", async () => {
    const memory = memoryCache({ random: seededRandom(3) });
    let reads = 0;
    let hold: Promise<void> | undefined;
    const cache: Cache = {
      ...memory,
      async read(...query) {
        reads++;
        const held = hold;
        hold = undefined;
        await held;
        return memory.read(...query);
      },
    };
    const ana = await start(100, { cache });
    const backup = world.server.backup();
    say(20);
    await world.clock.advance(1_000);
    const window = await open(ana, { around: 102, limit: 10 });
    let go = (): void => {};
    hold = new Promise((resolve) => (go = resolve));
    const given = expect(window.loadOlder({ limit: 10 })).rejects.toMatchObject({ code: "aborted" });
    await world.clock.advance(10);
    window.close();
    await given;
    world.server.restore(backup);
    say(1);
    await world.clock.advance(60_000);
    expect(timelineOf(ana).messages.at(-1)?.messageId).toBe(102);
    reads = 0;
    go();
    await world.clock.advance(1_000);
    expect(reads).toBe(0);
  });

  test("does not make the timeline forget where it was", async () => {
    const ana = await start(500);
    const timeline = timelineOf(ana);
    await soon(timeline.loadOlder());
    const { messages } = timeline;
    const window = await open(ana, { around: 20, limit: 10 });
    await soon(window.loadNewer());
    expect(timeline.messages).toBe(messages);
    expect(timeline.state).toBe("complete");
    await soon(timeline.loadOlder());
    expect(ids(timeline)).toEqual(range(372, 501));
  });

  test("is nothing where there is nothing to be seen", async () => {
    world = createWorld();
    world.server.createGroup(["bo"], ROOM);
    say(50);
    world.server.addMembers(ROOM, "bo", ["ana"]);
    const ana = world.device("ana");
    await world.clock.advance(2_000);
    void timelineOf(ana).messages;
    await world.clock.advance(1_000);
    // What was before the membership is not for her; the nearest that is, is.
    const window = await open(ana, { around: 10, limit: 10 });
    expect(ids(window)).toEqual([52]);
  });
});
