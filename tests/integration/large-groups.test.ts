import { createClientCodec, createServerCodec, joinFrames, type ServerFrame } from "@chat/protocol";
import { type ChatClient, createChatClient } from "@chat/client";
import { virtualClock, virtualRuntime } from "@chat/client/testing";
import { sqlite } from "@chat/server/sqlite";
import { testServer } from "@chat/server/testing";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";

const SECOND = 1_000;
const MEMBERS = 12;
const settings = { largeGroupOnline: 10, largeGroupRate: 5, largeGroupInterval: SECOND };

/** How often the store was asked for entries. */
let reads = 0;

/** The real server and real clients in one virtual time; a conversation is large from 11 connected members on. */
async function world() {
  const clock = virtualClock();
  const database = new Database(":memory:");
  const store = sqlite(database, { allowVolatile: true });
  const { read } = store.messages;
  store.messages.read = (query) => {
    reads++;
    return read.call(store.messages, query);
  };
  const server = testServer({
    store,
    runtime: virtualRuntime(clock, 1),
    settings,
  });
  const names = Array.from({ length: MEMBERS }, (_, at) => `u${at}`);
  /** Lets time go by until something is done. */
  async function done<T>(promise: Promise<T>): Promise<T> {
    await clock.advance(100);
    return promise;
  }
  await done(server.chat.as("ana").createGroup({ id: "room", members: names }));
  const frames = new Map<string, ServerFrame[]>();
  let seed = 1;
  const codec = createClientCodec();
  const writer = createServerCodec();
  const clients: ChatClient[] = [];
  /** @param isOld it does not know of news */
  function device(userId: string, isOld = false): ChatClient {
    const seen: ServerFrame[] = [];
    frames.set(userId, seen);
    const client = createChatClient({
      ...{ url: "wss://chat.test/", userId, token: userId, runtime: virtualRuntime(clock, ++seed) },
      transport(url, protocols) {
        const socket = server.connect(url, protocols);
        return new Proxy(socket, {
          get: (target, key) => {
            const value: unknown = Reflect.get(target, key);
            return typeof value === "function" ? (value as () => unknown).bind(target) : value;
          },
          set(target, key, value) {
            if (key !== "onmessage") return Reflect.set(target, key, value);
            target.onmessage = (event) => {
              const taken = (codec.decode(new Uint8Array(event.data as ArrayBuffer)) as ServerFrame[]).filter(
                ({ type }) => !isOld || type !== "head-moved",
              );
              seen.push(...taken);
              const { buffer } = joinFrames(taken.map((frame) => writer.encode(frame)));
              (value as (event: { readonly data: unknown }) => void)({ data: buffer });
            };
            return true;
          },
        });
      },
    });
    clients.push(client);
    return client;
  }
  const devices = new Map(names.map((name) => [name, device(name)]));
  await clock.advance(3 * SECOND);
  onTestFinished(async () => {
    await done(Promise.all(clients.map((client) => client.close())));
    const closed = server.close();
    await clock.advance(20 * SECOND);
    await closed;
    database.close();
  });
  let said = 0;
  return {
    ...{ clock, server, devices, device, done },
    count: (userId: string, type: ServerFrame["type"]) =>
      frames.get(userId)!.filter((frame) => frame.type === type).length,
    /** Says so much a second, for so many seconds. */
    async say(rate: number, seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second++) {
        for (let number = 0; number < rate; number++) {
          void server.chat.as("ana").send("room", `message ${++said}`);
          await clock.advance(SECOND / rate);
        }
      }
    },
    /** What a device shows of the room, all of it. */
    shown(client: ChatClient): (string | undefined)[] {
      const { messages } = client.conversations.get("room")!.timeline;
      return messages.filter(({ text }) => text !== undefined).map(({ text }) => text);
    },
    all() {
      return Array.from({ length: said }, (_, at) => `message ${at + 1}`);
    },
  };
}

/** What is told to the application as new, in order. */
function heardBy(client: ChatClient): (string | undefined)[] {
  const heard: (string | undefined)[] = [];
  client.on("message", ({ message }) => heard.push(message.text));
  return heard;
}

it("pushes what is said until it is too much, then tells that there is news, and pushes again: each once, in order", async () => {
  const { clock, devices, count, say, shown, ...room } = await world();
  const heard = [...devices.values()].map(heardBy);
  await say(2, 5);
  await clock.advance(SECOND);
  expect(count("u1", "head-moved")).toBe(0);
  expect(heard.every((texts) => texts.length === 10)).toBe(true);

  const readBefore = reads;
  await say(40, 5);
  const pushed = count("u1", "entries");
  expect(count("u1", "head-moved")).toBeGreaterThan(2);
  expect(count("u1", "head-moved")).toBeLessThan(8);
  expect(pushed).toBeLessThan(30);
  // Twelve devices have asked several times: each once had its end compared with what is in the store.
  expect(reads - readBefore).toBeLessThan(2 * MEMBERS);
  await clock.advance(10 * SECOND);
  for (const texts of heard) expect(texts).toEqual(room.all());

  // Less is said, and it is pushed again.
  const news = count("u1", "head-moved");
  await say(1, 10);
  await clock.advance(5 * SECOND);
  await say(2, 3);
  await clock.advance(SECOND);
  expect(count("u1", "entries")).toBeGreaterThan(pushed + 5);
  expect(count("u1", "head-moved") - news).toBeLessThan(10);
  for (const texts of heard) expect(texts).toEqual(room.all());
  for (const device of devices.values()) shown(device);
  await clock.advance(SECOND);
  for (const device of devices.values()) expect(shown(device).slice(-50)).toEqual(room.all().slice(-50));
});

it("keeps what is on the screen near real time, and lets the others take their turns", async () => {
  const { clock, devices, say, shown, ...room } = await world();
  const open = devices.get("u0")!;
  open.conversations.get("room")!.timeline.subscribe(() => {});
  await say(40, 3);
  await clock.advance(1_100);
  expect(shown(open).at(-1)).toBe(room.all().at(-1));
});

it("loses nothing for those who join, leave, come late or lose their connection meanwhile", async () => {
  const { clock, server, devices, device, done, say, ...room } = await world();
  const late = device("late");
  const heardLate = heardBy(late);
  const heard = heardBy(devices.get("u3")!);
  const gone = heardBy(devices.get("u4")!);
  await say(40, 2);
  const joinedBehind = room.all().length;
  await done(server.chat.as("ana").addMembers("room", ["late"]));
  await say(40, 1);
  const leftBehind = room.all().length;
  await done(server.chat.as("ana").removeMembers("room", ["u4"]));
  await say(40, 1);
  server.cut();
  await say(40, 2);
  await clock.advance(30 * SECOND);
  expect(heard).toEqual(room.all());
  expect(heardLate).toEqual(room.all().slice(joinedBehind));
  expect(gone).toEqual(room.all().slice(0, leftBehind));
});

it("shows nothing of what is redacted meanwhile", async () => {
  const { clock, server, devices, done, say, shown } = await world();
  for (const device of devices.values()) shown(device);
  await say(40, 2);
  await done(server.chat.as("ana").redact("room", 80));
  await say(40, 1);
  await clock.advance(10 * SECOND);
  for (const device of devices.values()) {
    const { messages } = device.conversations.get("room")!.timeline;
    expect(messages.find(({ messageId }) => messageId === 80)).toMatchObject({ redacted: true });
    expect(shown(device)).not.toContain("message 79");
    expect(shown(device)).toContain("message 78");
  }
});

it("is left when fewer are there, at 80 % of where it began", async () => {
  const { clock, devices, count, done, say } = await world();
  await say(40, 2);
  expect(count("u1", "head-moved")).toBeGreaterThan(0);
  for (const name of ["u8", "u9", "u10"]) await done(devices.get(name)!.close());
  // 9 of them: above 8.
  let before = count("u1", "head-moved");
  await say(40, 2);
  expect(count("u1", "head-moved")).toBeGreaterThan(before);
  await done(devices.get("u7")!.close());
  await clock.advance(2 * SECOND);
  before = count("u1", "head-moved");
  const pushed = count("u1", "entries");
  await say(40, 2);
  expect(count("u1", "head-moved")).toBe(before);
  expect(count("u1", "entries")).toBe(pushed + 80);
});

it("tells a device that knows no news by its next pong", async () => {
  const { clock, server, device, done, say, ...room } = await world();
  await done(server.chat.as("ana").addMembers("room", ["old"]));
  const heard = heardBy(device("old", true));
  await clock.advance(3 * SECOND);
  await say(40, 3);
  await clock.advance(60 * SECOND);
  expect(heard).toEqual(room.all());
});
