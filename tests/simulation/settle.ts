import type { Device } from "./device.js";
import type { World } from "./world.js";

/** Virtual ms within which everything drains once the last fault is over. */
export const DRAIN_BOUND = 120_000;
/** Virtual ms within which a lost last message is repaired. */
const TAIL_BOUND = 10_000;

/** Ends every fault, and has everybody run and connect. Connections that broke unnoticed stay so: that is for the ends to find out. */
export async function endFaults(world: World): Promise<void> {
  const { scheduler, trace, fanout } = world;
  Object.assign(world.storeWeather, { unavailable: 0, unknown: 0, usual: 2, longest: 40 });
  Object.assign(world.logWeather, { unavailable: 0, unknown: 0, usual: 2, longest: 40 });
  world.contention.refuses = 0;
  Object.assign(world.registryWeather, { unavailable: 0, unknown: 0, usual: 2, longest: 40 });
  Object.assign(fanout.weather, { loses: 0, doubles: 0, usual: 2, longest: 30 });
  for (const { slowness } of world.network.links) if (slowness > 0) trace.hit("slow at the end");
  for (const link of world.network.links) link.slowness = 0;
  for (const server of world.servers) server.dieAfter(Infinity);
  for (const device of world.devices) {
    device.isReachable = true;
    Object.assign(device.disk.weather, { fails: 0, usual: 3, longest: 60 });
  }
  const thawed = Math.max(...[...world.servers, ...world.devices].map(({ frozenUntil }) => frozenUntil));
  // A server that was told to end takes its time, one that could not start is tried again.
  await scheduler.runUntil(Math.max(thawed, scheduler.now + 21_000), () => trace.violation !== undefined);
  for (const server of world.servers) server.start();
  for (const device of world.devices) {
    device.start();
    device.act((client) => client.connect());
  }
  world.endHousekeeping();
  trace.note("world", "the last fault is over");
}

/** Why a device has not settled; undefined if it has. */
function unsettled(world: World, { client, userId }: Device): string | undefined {
  if (client === undefined) return "does not run";
  const { connection, synced, pending } = client.status;
  if (connection !== "online") return `is ${connection}`;
  if (!synced) return "is not synced";
  if (pending > 0) return `has ${pending} messages in its outbox`;
  if (client.conversations.state !== "complete") return `its list is ${client.conversations.state}`;
  for (const conversationId of world.oracle.conversationsOf(userId)) {
    if (!world.oracle.isMember(userId, conversationId)) continue;
    const conversation = client.conversations.get(conversationId);
    if (conversation === undefined) return `does not know ${conversationId}`;
    const { timeline, summary } = conversation;
    const last = world.oracle.shown(userId, conversationId).at(-1)?.messageId;
    const stored = timeline.messages.filter(({ state }) => state === "stored").at(-1)?.messageId;
    if (!summary.member) return `takes itself for no member of ${conversationId}`;
    if (timeline.state !== "complete") return `${conversationId} is ${timeline.state}`;
    // What is kept no more may still be shown, or not.
    const isGone = last !== undefined && last < world.oracle.firstId(conversationId) && stored === undefined;
    if (stored !== last && !isGone) return `${conversationId} ends at ${stored}, not ${last}`;
  }
  return undefined;
}

/** Runs until everybody has everything; the time that it took. */
export async function settle(world: World, bound: number, invariant: string): Promise<number> {
  const { scheduler, trace } = world;
  const began = scheduler.now;
  for (;;) {
    const open = world.devices.flatMap((device) => {
      const why = unsettled(world, device);
      return why === undefined ? [] : [`${device.name} ${why}`];
    });
    open.push(...[...world.erasing].map((userId) => `the erasure of ${userId} is not done`));
    open.push(...[...world.keeping].map((id) => `the retention of ${id} is not set`));
    open.push(...[...world.behind].map((id) => `the row of ${id} is behind its log`));
    if (open.length === 0 || trace.violation !== undefined) break;
    if (scheduler.now - began >= bound) {
      trace.fail(invariant, `${bound} ms after: ${open.join("; ")}`);
      break;
    }
    await scheduler.runUntil(scheduler.now + 250, () => trace.violation !== undefined);
  }
  return scheduler.now - began;
}

/** Runs until everybody has heard of what is kept no more, also where nothing else happens. */
export async function hearOfRetention(world: World): Promise<void> {
  const { scheduler, trace } = world;
  // Until no server deletes anything more, and each has looked at the feed behind that.
  await scheduler.runUntil(scheduler.now + 5_000, () => trace.violation !== undefined);
  await settle(world, DRAIN_BOUND, "everything drains in time");
}

/** Fan-out loses the last message of a conversation; the time until everybody has it. */
export async function loseTheTail(world: World): Promise<number> {
  const { scheduler, trace, fanout, oracle, chance } = world;
  const pairs = world.devices.flatMap((device) =>
    oracle
      .conversationsOf(device.userId)
      .filter((id) => oracle.isMember(device.userId, id))
      .map((id) => ({ device, id })),
  );
  if (pairs.length === 0) return 0;
  const { device, id } = chance.fork("tail").pick(pairs);
  // A line that fell silent is found out by heartbeats, and made again after a backoff: that has its bound, this another.
  const silent = (): boolean => [...world.network.links].some(({ isSilent }) => isSilent);
  await scheduler.runUntil(scheduler.now + DRAIN_BOUND, () => !silent() || trace.violation !== undefined);
  await settle(world, DRAIN_BOUND, "everything drains in time");
  if (trace.violation !== undefined) return 0;
  fanout.weather.loses = 1;
  const head = oracle.head(id);
  device.write(id, 1);
  const patience = scheduler.now + 60_000;
  await scheduler.runUntil(patience, () => oracle.head(id) > head || trace.violation !== undefined);
  if (oracle.head(id) === head) return 0;
  trace.hit("tail lost");
  const duration = await settle(world, TAIL_BOUND, "a lost last message is repaired in time");
  fanout.weather.loses = 0;
  return duration;
}
