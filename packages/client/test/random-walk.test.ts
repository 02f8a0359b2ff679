import fc from "fast-check";
import { expect, test } from "vitest";
import type { Cache } from "../src/cache/cache.js";
import type { ChatClient, TimelineWindow } from "../src/public-types.js";
import { seededRandom } from "../src/testing/virtual-clock.js";
// Loaded already, so that no clock has to wait for it.
import "../src/timeline/open-window.js";
import { createWorld, type World } from "./world.js";

/** The same walks each time, so that nobody is held up by what was there before; others with CHAT_WALK_SEED. */
const SEED = Number(process.env["CHAT_WALK_SEED"] ?? 1);

/** What may happen. `who` picks a device or a user, `room` a conversation. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), who: fc.nat(3), room: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("post" as const), who: fc.nat(2), room: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("open" as const), who: fc.nat(3), room: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("older" as const), who: fc.nat(3), room: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("jump" as const), who: fc.nat(3), room: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("page" as const), who: fc.nat(3), room: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), who: fc.nat(2), room: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("offline" as const), who: fc.nat(3), room: fc.nat(2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("restart" as const), who: fc.nat(3), room: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who: fc.nat(2), room: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), who: fc.nat(3), room: fc.nat(2) }) },
);

/** The same, with the store losing what it had committed. */
const stepWithLoss = fc.oneof(
  { weight: 20, arbitrary: step },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("backup" as const), who: fc.nat(3), room: fc.nat(2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("restore" as const), who: fc.nat(3), room: fc.nat(2) }),
  },
);

const USERS = ["ana", "bo", "cy"];
const OWNERS = ["ana", "ana", "bo", "cy"];
const ROOMS = ["r0", "r1", "r2"];

interface Device {
  cache: Cache;
  client: ChatClient;
  online: boolean;
  readonly windows: { readonly room: string; readonly window: TimelineWindow }[];
}

async function walk(world: World, steps: readonly { do: string; who: number; room: number }[], seed: number) {
  const { clock, server } = world;
  const random = seededRandom(seed);
  for (const room of ROOMS) server.createGroup(USERS, room);
  // Pushes are lost, doubled and overtake one another; answers of the store are late, refused or lost.
  server.faults.outgoing = (frame) => {
    const chance = random.float();
    if (frame.type === "entries" || frame.type === "conversation-changed") {
      if (chance < 0.15) return [];
      if (chance < 0.3) return [0, random.float() * 300];
      if (chance < 0.6) return [random.float() * 300];
    } else if (frame.type === "message-stored" || frame.type === "range" || frame.type === "changes") {
      if (chance < 0.05) return [];
      if (chance < 0.4) return [random.float() * 300];
    }
    return [0];
  };
  const start = (who: number, cache: Cache): Device => {
    const client = world.device(OWNERS[who]!, { cache, requestTimeout: 5_000, catchUpEntries: 20 });
    return { cache, client, online: true, windows: [] };
  };
  const devices = OWNERS.map((_, who) => start(who, world.cache()));
  const sent: Record<string, number[]>[] = OWNERS.map(() => ({}));
  let text = 0;
  let backup = server.backup();
  for (const { do: what, who, room } of steps) {
    const device = devices[who]!;
    const conversation = device.client.conversations.get(ROOMS[room]!);
    switch (what) {
      case "send":
        for (let n = 0; conversation && n <= text % 3; n++) {
          await conversation.send(`${who} ${++text}`);
          (sent[who]![ROOMS[room]!] ??= []).push(text);
        }
        break;
      case "post":
        for (let n = 0; n <= text % 4; n++) server.post(ROOMS[room]!, USERS[who]!, `posted ${++text}`);
        break;
      case "open":
        void conversation?.timeline.messages;
        break;
      case "older":
        conversation?.timeline.loadOlder({ limit: 3 }).catch(() => {});
        break;
      case "jump": {
        const around = 1 + Math.floor(random.float() * server.log(ROOMS[room]!).length);
        conversation?.timeline.window({ around, limit: 5 }).then(
          (window) => device.windows.push({ room: ROOMS[room]!, window }),
          () => {},
        );
        break;
      }
      case "page":
        for (const { window } of device.windows) {
          const paging =
            random.float() < 0.5 ? window.loadOlder({ limit: 3 }) : window.loadNewer({ limit: 3 });
          paging.catch(() => {});
        }
        break;
      case "cut":
        server.cut(USERS[who]);
        break;
      case "offline":
        if (device.online) device.client.disconnect();
        else device.client.connect();
        device.online = !device.online;
        break;
      case "restart":
        await device.client.close();
        devices[who] = start(who, device.cache);
        break;
      case "leave":
        if (who > 0) {
          server.removeMembers(ROOMS[room]!, "ana", [USERS[who]!]);
          server.post(ROOMS[room]!, "ana", `without ${++text}`);
          server.addMembers(ROOMS[room]!, "ana", [USERS[who]!]);
        }
        break;
      case "backup":
        backup = server.backup();
        break;
      case "restore":
        server.restore(backup);
        break;
      case "wait":
        await clock.advance(random.float() * 3_000);
    }
    await clock.advance(random.float() * 50);
  }
  server.faults.outgoing = undefined;
  for (const { client, online } of devices) if (!online) client.connect();
  await clock.advance(120_000);
  return { devices, sent };
}

/** Reads a timeline back to its first entry. */
async function readAll(world: World, client: ChatClient, room: string) {
  const { timeline } = client.conversations.get(room)!;
  void timeline.messages;
  await world.clock.advance(1_000);
  for (let pages = 0; timeline.hasOlder && pages < 1_000; pages++) {
    const loading = timeline.loadOlder();
    await world.clock.advance(100);
    await loading;
  }
  return timeline;
}

/** What a user may see of a log. */
function visibleTo(world: World, user: string, room: string) {
  const members = new Set<string>();
  const entries = world.server.log(room).filter(({ kind, data }) => {
    const named = (data?.["members"] ?? []) as string[];
    if (kind === "members-removed") for (const name of named) members.delete(name);
    else for (const name of named) members.add(name);
    return members.has(user);
  });
  return { entries, members };
}

/** A window shows a piece of the log without a hole, and all of it once it was paged to both ends. */
async function expectWindows(world: World, who: number, { windows }: Device): Promise<void> {
  for (const { room, window } of windows) {
    const log = visibleTo(world, OWNERS[who]!, room).entries.map(({ messageId, text }) => [messageId, text]);
    const lines = () => window.messages.map(({ messageId, text }) => [messageId, text]);
    const before = lines();
    const start = log.findIndex(([messageId]) => messageId === before[0]?.[0]);
    expect(before).toEqual(log.slice(Math.max(start, 0), Math.max(start, 0) + before.length));
    expect(window.state).toBe("complete");
    for (let pages = 0; (window.hasOlder || window.hasNewer) && pages < 1_000; pages++) {
      const loading = Promise.all([window.loadOlder(), window.loadNewer()]);
      await world.clock.advance(100);
      await loading;
    }
    expect(lines()).toEqual(log);
  }
}

/** Every device must hold what the server has, and nothing else: on its screen, and in its cache. */
async function expectConverged(world: World, devices: readonly Device[]): Promise<void> {
  for (const [who, { client, cache }] of devices.entries()) {
    const user = OWNERS[who]!;
    await expectWindows(world, who, devices[who]!);
    expect(client.status).toMatchObject({ connection: "online", synced: true, pending: 0 });
    for (const room of ROOMS) {
      const timeline = await readAll(world, client, room);
      const { entries: visible, members } = visibleTo(world, user, room);
      expect(timeline.state).toBe("complete");
      expect(timeline.messages.map(({ messageId, text, state }) => [messageId, text, state])).toEqual(
        visible.map(({ messageId, text }) => [messageId, text, "stored"]),
      );
      const { conversations, outbox } = await cache.load();
      expect(outbox).toEqual([]);
      const head = visible.at(-1)!.messageId;
      const { ranges, row } = conversations.find((kept) => kept.row.conversationId === room)!;
      expect(ranges).toEqual([{ from: 1, to: head }]);
      expect(row).toMatchObject({
        head,
        headFingerprint: visible.at(-1)!.fingerprint,
        memberCount: members.size,
      });
      const everything = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;
      const kept = await cache.read(room, everything);
      expect(kept.map(({ fingerprint }) => fingerprint)).toEqual(
        visible.map(({ fingerprint }) => fingerprint),
      );
    }
  }
}

/** The numbers of the messages that a device sent, in the order of the log. */
function numbersOf(world: World, who: number, room: string): number[] {
  return world.server.log(room).flatMap(({ text }) => {
    const [sender, number] = (text ?? "").split(" ");
    return sender === String(who) ? Number(number) : [];
  });
}

test("whatever the network does, every device ends with exactly the server's log", { timeout: 120_000 }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), fc.integer(), async (steps, seed) => {
      const world = createWorld({ seed, heartbeatInterval: 10_000 });
      const { devices, sent } = await walk(world, steps, seed);
      await expectConverged(world, devices);
      for (const who of devices.keys()) {
        for (const room of ROOMS) expect(numbersOf(world, who, room)).toEqual(sent[who]![room] ?? []);
      }
      await world.close();
    }),
    { seed: SEED, numRuns: 60 },
  ),
);

test("what the store lost is repaired from the devices", { timeout: 120_000 }, () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(stepWithLoss, { minLength: 5, maxLength: 60 }),
      fc.integer(),
      async (steps, seed) => {
        const world = createWorld({ seed, heartbeatInterval: 10_000 });
        const { devices, sent } = await walk(world, steps, seed);
        await expectConverged(world, devices);
        for (const who of devices.keys()) {
          for (const room of ROOMS) {
            const numbers = numbersOf(world, who, room);
            expect(numbers.sort((a, b) => a - b)).toEqual(sent[who]![room] ?? []);
          }
        }
        await world.close();
      },
    ),
    {
      seed: SEED,
      numRuns: 60,
      // Who comes back into a history that was lost must not read anew before their own messages are out of it.
      examples: [
        [
          [
            { do: "wait", who: 0, room: 0 },
            { do: "send", who: 3, room: 2 },
            { do: "restore", who: 0, room: 0 },
            { do: "send", who: 0, room: 0 },
            { do: "older", who: 0, room: 0 },
            { do: "leave", who: 2, room: 2 },
            { do: "post", who: 0, room: 0 },
            { do: "open", who: 0, room: 0 },
          ],
          0,
        ],
        // That nothing is there for this user at the end of what is held, of a time without membership, is true of one history only.
        [
          [
            { do: "send", who: 0, room: 0 },
            { do: "open", who: 0, room: 0 },
            { do: "open", who: 0, room: 0 },
            { do: "jump", who: 0, room: 0 },
            { do: "jump", who: 0, room: 0 },
            { do: "restore", who: 0, room: 0 },
            { do: "jump", who: 0, room: 1 },
            { do: "wait", who: 0, room: 0 },
            { do: "send", who: 0, room: 0 },
            { do: "post", who: 0, room: 1 },
            { do: "leave", who: 2, room: 0 },
            { do: "restore", who: 0, room: 0 },
            { do: "older", who: 0, room: 0 },
            { do: "post", who: 0, room: 0 },
            { do: "post", who: 0, room: 0 },
            { do: "restart", who: 0, room: 0 },
          ],
          -1_657_867_815,
        ],
        [
          [
            { do: "wait", who: 0, room: 0 },
            { do: "backup", who: 0, room: 0 },
            { do: "leave", who: 1, room: 0 },
            { do: "wait", who: 0, room: 0 },
            { do: "send", who: 0, room: 0 },
            { do: "restore", who: 0, room: 0 },
            { do: "offline", who: 0, room: 0 },
            { do: "restore", who: 0, room: 0 },
            { do: "backup", who: 0, room: 0 },
          ],
          -1_701_997_271,
        ],
      ],
    },
  ),
);
