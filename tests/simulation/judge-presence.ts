import type { World } from "./world.js";

/** Virtual ms after a crash within which everybody knows who is there; and what fan-out takes. */
const BOUND = 35_000 + 500;

/** Virtual ms within which a server gives up a connection on which nothing comes: 2.5 of the longest heartbeats, and some more. */
const SILENCE_BOUND = 65_000;

/** True if a device of the user is connected with a server that lives. */
function isThere(world: World, userId: string): boolean {
  return [...world.network.links].some(({ device, server, deviceClosed, serverClosed, isSilent }) => {
    const isLive = !deviceClosed && !serverClosed && !isSilent && server.party.alive;
    const client = world.devices.find(({ name }) => name === device.name)?.client;
    return isLive && device.userId === userId && client?.status.connection === "online";
  });
}

/** Tears a server down at the end of all, and the devices of one user away: the other servers have to see it in time. */
export async function judgePresence(world: World): Promise<void> {
  const { scheduler, trace, users } = world;
  const chance = world.chance.fork("presence");
  const [gone, dead] = [chance.pick(users), chance.pick(world.servers)];
  trace.note("world", `${gone} goes for good, and ${dead.name} dies`);
  for (const device of world.devices) {
    if (device.userId === gone) device.act((client) => client.close());
  }
  await scheduler.runUntil(scheduler.now + 1_000, () => false);
  // Of a connection that fell silent before, its server finds out by heartbeats: that has its bound, this another.
  const lingers = (): boolean =>
    [...world.network.links].some(
      ({ device, deviceClosed, serverClosed, server }) =>
        device.userId === gone && deviceClosed && !serverClosed && server.party.alive,
    );
  await scheduler.runUntil(scheduler.now + SILENCE_BOUND, () => !lingers());
  dead.kill();
  await scheduler.runUntil(scheduler.now + BOUND, () => trace.violation !== undefined);
  for (const { name, chat } of world.servers) {
    if (chat === undefined) continue;
    let seen: readonly { readonly userId: string; readonly status: string }[] | undefined;
    void chat.system.presence(users).then((presences) => (seen = presences));
    await scheduler.runUntil(scheduler.now + 1_000, () => seen !== undefined);
    for (const { userId, status } of seen ?? []) {
      // Who is about to connect anew may be either.
      const expected = userId === gone ? "offline" : isThere(world, userId) ? "online" : status;
      if (status !== expected) {
        trace.fail("presence is right within 35 s", `${name} has ${userId} ${status}, not ${expected}`);
      }
    }
    if (seen !== undefined) trace.hit("presence judged");
  }
}
