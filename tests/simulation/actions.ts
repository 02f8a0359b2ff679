import type { Chance } from "./chance.js";
import type { Device } from "./device.js";
import type { ServerNode } from "./server-node.js";
import type { Weather } from "./unreliable-line.js";
import type { World } from "./world.js";

/** What a campaign may leave out. `app` is what people do; the rest are faults. */
export type Group =
  | "app"
  | "members"
  | "network"
  | "server"
  | "pause"
  | "store"
  | "fanout"
  | "registry"
  | "clock"
  | "device"
  | "storage"
  | "sleep"
  | "backup"
  | "retention"
  | "erasure"
  | "large group"
  | "contention"
  | "log elsewhere"
  | "versions"
  | "failover";

/** Something that happens to a world. */
export interface Action {
  readonly name: string;
  readonly group: Group;
  readonly weight: number;
  run(world: World, chance: Chance): void;
}

/** Calls of a store fail, before they were done or after. */
function failForAWhile(world: World, chance: Chance, weather: Weather): void {
  weather.unavailable = chance.float() * 0.5;
  weather.unknown = chance.float() * 0.4;
  world.later(chance.delay(2_000, 8_000), () => Object.assign(weather, { unavailable: 0, unknown: 0 }));
}

function slowDownForAWhile(world: World, chance: Chance, weather: Weather): void {
  Object.assign(weather, { usual: chance.between(20, 300), longest: chance.between(300, 4_000) });
  world.later(chance.delay(3_000, 12_000), () => Object.assign(weather, { usual: 2, longest: 40 }));
}

function device(world: World, chance: Chance): Device {
  return chance.pick(world.devices);
}

function server(world: World, chance: Chance): ServerNode {
  return chance.pick(world.servers);
}

/** A conversation that the device's user is a member of, mostly; now and then one that was left. */
function conversationOf(world: World, { userId }: Device, chance: Chance): string | undefined {
  const all = world.oracle.conversationsOf(userId);
  const own = all.filter((id) => world.oracle.isMember(userId, id));
  const some = own.length > 0 && chance.happens(0.95) ? own : all;
  return some.length > 0 ? chance.pick(some) : undefined;
}

function inConversation(
  act: (world: World, chance: Chance, device: Device, conversationId: string) => void,
): Action["run"] {
  return (world, chance) => {
    const who = device(world, chance);
    const conversationId = conversationOf(world, who, chance);
    if (conversationId !== undefined) act(world, chance, who, conversationId);
  };
}

/** All that can happen, each by its weight. */
export const ACTIONS: readonly Action[] = [
  {
    name: "write",
    group: "app",
    weight: 40,
    run: inConversation((_, chance, who, id) => who.write(id, chance.between(1, 3))),
  },
  {
    name: "burst",
    group: "app",
    weight: 4,
    run: inConversation((_, chance, who, id) => who.write(id, chance.between(5, 60))),
  },
  {
    name: "create group",
    group: "app",
    weight: 2,
    run(world, chance) {
      const members = world.users.filter(() => chance.happens(0.6));
      const id = world.newGroup();
      if (id === undefined) return;
      device(world, chance).act((client) => client.conversations.createGroup({ id, members }));
    },
  },
  {
    name: "create direct",
    group: "app",
    weight: 2,
    run(world, chance) {
      const who = device(world, chance);
      const other = chance.pick(world.users.filter((user) => user !== who.userId));
      who.act((client) => client.conversations.createDirect(other));
    },
  },
  {
    name: "open a timeline",
    group: "app",
    weight: 6,
    run: inConversation((_world, _chance, who, id) => who.open(id)),
  },
  {
    name: "load older",
    group: "app",
    weight: 3,
    run: inConversation((_, chance, who, id) => {
      const limit = chance.between(1, 20);
      who.act((client) => client.conversations.get(id)?.timeline.loadOlder({ limit }));
    }),
  },
  {
    name: "redact a message",
    group: "app",
    weight: 2,
    run: inConversation(({ oracle }, chance, who, id) => {
      const all = oracle.visible(who.userId, id).filter(({ text }) => text !== undefined);
      const own = all.filter(({ senderId }) => senderId === who.userId);
      const some = chance.happens(0.8) ? own : all;
      if (some.length === 0) return;
      const { messageId } = chance.pick(some.slice(-20));
      who.act((client) => client.conversations.get(id)?.redact(messageId));
    }),
  },
  {
    name: "set a profile",
    group: "app",
    weight: 1,
    run(world, chance) {
      const name = `name ${chance.between(1, 1_000)}`;
      device(world, chance).act((client) => client.users.setProfile({ name }));
      device(world, chance).act((client) => void client.users.get(chance.pick(world.users)));
    },
  },
  {
    name: "go offline",
    group: "app",
    weight: 2,
    run(world, chance) {
      const who = device(world, chance);
      who.act((client) => client.disconnect());
      world.later(chance.delay(3_000, 40_000), () => who.act((client) => client.connect()));
    },
  },
  {
    name: "add a member",
    group: "members",
    weight: 5,
    run: inConversation((world, chance, who, id) => {
      const users = world.users.filter(() => chance.happens(0.4));
      if (users.length > 0) who.act((client) => client.conversations.get(id)?.addMembers(users));
    }),
  },
  {
    name: "remove a member",
    group: "members",
    weight: 3,
    run: inConversation((world, chance, who, id) => {
      const user = chance.pick(world.users);
      who.act((client) => client.conversations.get(id)?.removeMembers([user]));
    }),
  },
  {
    name: "leave",
    group: "members",
    weight: 1,
    run: inConversation((_world, _chance, who, id) => {
      who.act((client) => client.conversations.get(id)?.leave());
    }),
  },
  {
    name: "is removed while writing",
    group: "members",
    weight: 2,
    run: inConversation((world, chance, who, id) => {
      const others = world.devices.filter(({ userId }) => userId !== who.userId);
      const other = chance.pick(others);
      who.write(id, chance.between(1, 20));
      world.later(chance.delay(100, 1_500), () => {
        other.act((client) => client.conversations.get(id)?.removeMembers([who.userId]));
      });
      if (chance.happens(0.5)) who.write(id, chance.between(1, 20));
      if (!chance.happens(0.7)) return;
      world.later(chance.delay(600, 8_000), () => {
        chance.pick(others).act((client) => client.conversations.get(id)?.addMembers([who.userId]));
      });
    }),
  },
  {
    name: "is removed while connecting",
    group: "members",
    weight: 1,
    run: inConversation((world, chance, who, id) => {
      const other = chance.pick(world.devices.filter(({ userId }) => userId !== who.userId));
      who.act((client) => client.disconnect());
      world.later(chance.between(500, 3_000), () => {
        who.act((client) => client.connect());
        world.later(chance.delay(200, 2_000), () => {
          other.act((client) => client.conversations.get(id)?.removeMembers([who.userId]));
          other.write(id, chance.between(1, 5));
        });
      });
    }),
  },
  {
    name: "is cut while writing",
    group: "network",
    weight: 2,
    run: inConversation((world, chance, who, id) => {
      who.write(id, chance.between(1, 20));
      world.later(chance.delay(120, 1_000), () => {
        for (const link of [...world.network.links]) if (link.device.name === who.name) link.cut(chance);
      });
    }),
  },
  {
    name: "cut",
    group: "network",
    weight: 8,
    run(world, chance) {
      const links = [...world.network.links];
      if (links.length > 0) chance.pick(links).cut(chance);
    },
  },
  {
    name: "half-open",
    group: "network",
    weight: 3,
    run(world, chance) {
      const links = [...world.network.links];
      if (links.length > 0) chance.pick(links).halfOpen(chance);
    },
  },
  {
    name: "no network",
    group: "network",
    weight: 3,
    run(world, chance) {
      const who = device(world, chance);
      world.trace.hit("fault no network");
      who.isReachable = false;
      for (const link of [...world.network.links]) if (link.device.name === who.name) link.cut(chance);
      world.later(chance.delay(5_000, 60_000), () => (who.isReachable = true));
    },
  },
  {
    name: "slow network",
    group: "network",
    weight: 3,
    run(world, chance) {
      const links = [...world.network.links];
      if (links.length === 0) return;
      const link = chance.pick(links);
      world.trace.hit("fault slow network");
      link.slowness = chance.between(100, 4_000);
      world.later(chance.delay(4_000, 20_000), () => (link.slowness = 0));
    },
  },
  {
    name: "server dies at a step",
    group: "server",
    weight: 5,
    run(world, chance) {
      const one = server(world, chance);
      one.dieAfter(chance.between(1, 40));
      world.later(chance.delay(3_000, 15_000), () => {
        one.kill();
        one.start();
      });
    },
  },
  {
    name: "server restarts",
    group: "server",
    weight: 1,
    run(world, chance) {
      const one = server(world, chance);
      if (one.end === undefined || world.servers.filter(({ end }) => end !== undefined).length < 2) return;
      world.trace.hit("fault server restarted");
      one.restart();
    },
  },
  {
    name: "server stands still",
    group: "pause",
    weight: 3,
    run(world, chance) {
      world.trace.hit("fault server stood still");
      server(world, chance).pause(chance.delay(1_000, 8_000));
    },
  },
  {
    name: "server stands still beyond its lease",
    group: "pause",
    weight: 0.7,
    run(world, chance) {
      world.trace.hit("fault server stood still beyond its lease");
      server(world, chance).pause(chance.between(31_000, 45_000));
    },
  },
  {
    name: "store fails",
    group: "store",
    weight: 3,
    run(world, chance) {
      failForAWhile(world, chance, world.storeWeather);
    },
  },
  {
    name: "store is slow",
    group: "store",
    weight: 3,
    run(world, chance) {
      world.trace.hit("fault store slow");
      slowDownForAWhile(world, chance, world.storeWeather);
    },
  },
  {
    name: "fan-out outage",
    group: "fanout",
    weight: 3,
    run(world, chance) {
      const weather = world.fanout.weather;
      world.trace.hit("fault fan-out outage");
      const before = weather.loses;
      weather.loses = 1;
      world.later(chance.delay(4_000, 15_000), () => (weather.loses = before === 1 ? 0.2 : before));
    },
  },
  {
    name: "fan-out reorders",
    group: "fanout",
    weight: 3,
    run(world, chance) {
      const weather = world.fanout.weather;
      world.trace.hit("fault fan-out reordered");
      Object.assign(weather, { usual: 100, longest: 3_000, doubles: 0.3 });
      world.later(chance.delay(4_000, 15_000), () =>
        Object.assign(weather, { usual: 2, longest: 30, doubles: 0 }),
      );
    },
  },
  {
    name: "registry fails",
    group: "registry",
    weight: 2,
    run(world, chance) {
      const weather = world.registryWeather;
      weather.unavailable = chance.float();
      weather.unknown = chance.float() * 0.5;
      world.later(chance.delay(3_000, 40_000), () => Object.assign(weather, { unavailable: 0, unknown: 0 }));
    },
  },
  {
    name: "clock jumps",
    group: "clock",
    weight: 2,
    run(world, chance) {
      const clock = chance.pick([...world.devices, ...world.servers]).clock;
      world.trace.hit("fault clock jumped");
      clock.offset += chance.between(-5, 5) * 3_600_000 + chance.between(-1_000, 1_000);
    },
  },
  {
    name: "device restarts",
    group: "device",
    weight: 6,
    run(world, chance) {
      const who = device(world, chance);
      world.trace.hit("fault device crashed");
      who.crash();
      world.later(chance.delay(1_000, 30_000), () => who.start());
    },
  },
  {
    name: "page event",
    group: "device",
    weight: 2,
    run: (world, chance) => device(world, chance).signal(),
  },
  {
    name: "device is wiped",
    group: "storage",
    weight: 0.6,
    run(world, chance) {
      const who = device(world, chance);
      world.trace.hit("fault device wiped");
      world.wiped(who);
      who.wipe();
      world.later(chance.delay(500, 5_000), () => who.start());
    },
  },
  {
    name: "storage fails",
    group: "storage",
    weight: 1,
    run(world, chance) {
      const { disk } = device(world, chance);
      disk.weather.fails = 0.5;
      world.later(chance.delay(500, 3_000), () => (disk.weather.fails = 0));
    },
  },
  {
    name: "storage is slow",
    group: "storage",
    weight: 2,
    run(world, chance) {
      const { disk } = device(world, chance);
      world.trace.hit("fault storage slow");
      Object.assign(disk.weather, { usual: 200, longest: 3_000 });
      world.later(chance.delay(2_000, 8_000), () => Object.assign(disk.weather, { usual: 3, longest: 60 }));
    },
  },
  {
    name: "device sleeps",
    group: "sleep",
    weight: 2,
    run(world, chance) {
      world.trace.hit("fault device slept");
      device(world, chance).sleep(chance.delay(10_000, 90_000), 0);
    },
  },
  {
    name: "device sleeps for days",
    group: "sleep",
    weight: 0.5,
    run(world, chance) {
      world.trace.hit("fault device slept for days");
      device(world, chance).sleep(chance.between(70_000, 100_000), chance.between(1, 9) * 86_400_000);
    },
  },
  { name: "backup", group: "backup", weight: 2, run: (world) => world.backup() },
  {
    name: "backup is restored",
    group: "backup",
    weight: 0.7,
    run: (world) => world.restore(),
  },
];

/** Actions of the kinds that came later: they have times of their own, so that the others stay where they are. */
export const LATER_ACTIONS: readonly Action[] = [
  {
    name: "retention",
    group: "retention",
    weight: 1,
    run: inConversation((world, chance, _who, id) => {
      const isByCount = chance.happens(0.6);
      const figures = isByCount ? { count: chance.between(1, 30) } : { age: chance.between(5_000, 60_000) };
      world.trace.hit(isByCount ? "retention by count" : "retention by age");
      world.setRetention(id, chance.happens(0.15) ? undefined : figures);
    }),
  },
  {
    name: "erase a user",
    group: "erasure",
    weight: 0.4,
    run(world, chance) {
      const userId = chance.pick(world.users);
      if (world.erasing.has(userId)) return;
      // Mostly somebody whose devices are away just now hears of it later.
      if (chance.happens(0.5)) {
        const who = device(world, chance);
        who.act((client) => client.disconnect());
        world.later(chance.delay(3_000, 40_000), () => who.act((client) => client.connect()));
      }
      world.erase(userId);
    },
  },
  {
    name: "everybody is added",
    group: "large group",
    weight: 0.5,
    run: inConversation((world, _chance, who, id) => {
      who.act((client) => client.conversations.get(id)?.addMembers([...world.users]));
    }),
  },
  {
    name: "commits are refused",
    group: "contention",
    weight: 1,
    run(world, chance) {
      const { contention } = world;
      // Now and then all of them, for longer than a store tries again.
      const isLong = chance.happens(0.3);
      contention.refuses = isLong ? 1 : chance.float();
      const duration = isLong ? chance.between(6_000, 10_000) : chance.delay(2_000, 8_000);
      world.later(duration, () => (contention.refuses = 0));
    },
  },
  {
    name: "log fails",
    group: "log elsewhere",
    weight: 0.7,
    run(world, chance) {
      failForAWhile(world, chance, world.logWeather);
    },
  },
  {
    name: "log is slow",
    group: "log elsewhere",
    weight: 0.5,
    run(world, chance) {
      slowDownForAWhile(world, chance, world.logWeather);
    },
  },
  {
    // What is appended meanwhile is acknowledged, and neither rows nor feed know of it until later.
    name: "rows stay behind",
    group: "log elsewhere",
    weight: 0.7,
    run(world, chance) {
      const weather = world.storeWeather;
      world.trace.hit("fault rows stay behind");
      weather.unavailable = chance.between(5, 9) / 10;
      world.later(chance.delay(2_000, 10_000), () => (weather.unavailable = 0));
    },
  },
  {
    // One server at a time, until all are of the other version; then back.
    name: "a server is rolled",
    group: "versions",
    weight: 0.5,
    run(world, chance) {
      const running = world.servers.filter(({ end }) => end !== undefined);
      if (running.length < 2) return;
      const isRolledOut = world.servers.every(({ isNewer }) => isNewer);
      if (isRolledOut) world.isRollingBack = true;
      else if (world.servers.every(({ isNewer }) => !isNewer)) world.isRollingBack = false;
      const left = running.filter(({ isNewer }) => isNewer === world.isRollingBack);
      if (left.length === 0) return;
      const one = chance.pick(left);
      one.isNewer = !world.isRollingBack;
      world.trace.hit(one.isNewer ? "a server is newer" : "a server is rolled back");
      one.restart();
    },
  },
  {
    // What the standby has not received by now is lost when it takes over.
    name: "failover",
    group: "failover",
    weight: 0.4,
    run: (world, chance) => world.failOver(chance.delay(50, 5_000)),
  },
  {
    name: "an application is updated",
    group: "versions",
    weight: 0.7,
    run(world, chance) {
      const who = device(world, chance);
      who.isNewer = !who.isNewer;
      who.crash();
      world.later(chance.delay(1_000, 10_000), () => who.start());
    },
  },
];

/** Draws an action by weight. @param more factors by name */
export function drawAction(chance: Chance, more: Readonly<Record<string, number>>): Action {
  const weightOf = ({ name, weight }: Action): number => weight * (more[name] ?? 1);
  let left = chance.float() * ACTIONS.reduce((sum, action) => sum + weightOf(action), 0);
  for (const action of ACTIONS) {
    left -= weightOf(action);
    if (left < 0) return action;
  }
  return ACTIONS[0]!;
}
