import { setTimeout as sleep } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { Device } from "../members/device.js";
import type { Figures } from "../report/figures.js";
import { ServerGroup } from "../subjects/server-group.js";
import type { ServerUsage } from "../subjects/serve.js";
import { inTurns, subjectOf } from "../subjects/subjects.js";
import type { Effort, Scenario } from "./scenario.js";

/** So short that a run waits for it; a server tells of those who are gone no sooner than after this. ms */
const OFFLINE_AFTER = 1_000;
const PRESENCE_HEARTBEAT = 500;
/** Between two signs of life of one device, ms. */
const HEARTBEAT = 10_000;
/** How long the others may take to hear of it, ms. */
const PATIENCE = 60_000;
const FLAPPER = "flapper";

function difference(after: ServerUsage, before: ServerUsage): ServerUsage {
  const of = (figure: keyof ServerUsage): number => after[figure] - before[figure];
  return { cpu: of("cpu"), statements: of("statements"), writes: of("writes"), publishes: of("publishes") };
}

/**
 * Somebody goes for longer than `offlineAfter` and comes back, while those with whom they share a direct conversation each watch. What the servers do
 * in as much time without it is taken off.
 */
async function flap(name: string, { smoke, progress }: Effort): Promise<Figures> {
  const shared = Number(name.split(" ")[0]!.replace(",", ""));
  const count = smoke ? Math.min(shared, 5) : shared;
  const settings = { offlineAfter: OFFLINE_AFTER, presenceHeartbeat: PRESENCE_HEARTBEAT };
  const subject = { ...subjectOf("postgres+redis, 3 servers"), settings, counts: true };
  const server = await ServerGroup.start(subject);
  const devices: Device[] = [];
  try {
    const home = server.ports[0]!;
    let flapper = await Device.connect(home, FLAPPER);
    const told = { frames: 0, status: new Map<number, string>() };
    devices.push(
      ...(await inTurns(count, 32, async (contact) => {
        const device = await Device.connect(server.ports[contact % server.ports.length]!, `user-${contact}`);
        await device.request({
          type: "create-conversation",
          conversationId: randomUUID(),
          clientMessageId: randomUUID(),
          conversationType: "direct",
          members: [FLAPPER],
        });
        device.onPush = (frame) => {
          if (frame.type !== "presence-changed") return;
          told.frames++;
          told.status.set(contact, frame.presence.status);
        };
        const answer = await device.request({ type: "watch-presence", userIds: [FLAPPER] });
        if (answer.type === "presences") told.status.set(contact, answer.presences[0]?.status ?? "offline");
        return device;
      })),
    );
    const heartbeat = setInterval(() => {
      for (const device of devices) void device.request({ type: "ping" });
    }, HEARTBEAT);
    const everybodySees = async (status: string): Promise<void> => {
      const giveUp = performance.now() + PATIENCE;
      const isKnown = (): boolean => [...told.status.values()].every((seen) => seen === status);
      while (!isKnown() && performance.now() < giveUp) await sleep(5);
      if (!isKnown()) throw new Error(`not everybody was told that somebody is ${status}`);
    };
    try {
      await everybodySees("online");
      await sleep(OFFLINE_AFTER);
      progress(`${count} conversations are shared`);
      const flaps = smoke ? 1 : 5;
      const framesBefore = told.frames;
      const [before, begin] = [await server.usage(), performance.now()];
      for (let number = 0; number < flaps; number++) {
        flapper.close();
        await everybodySees("offline");
        // Where nobody watches, nobody tells.
        if (count === 0) await sleep(OFFLINE_AFTER * 1.5);
        flapper = await Device.connect(home, FLAPPER);
        await everybodySees("online");
        await sleep(OFFLINE_AFTER);
      }
      const duration = performance.now() - begin;
      const flapped = difference(await server.usage(), before);
      const frames = told.frames - framesBefore;
      const quiet = await server.usage();
      await sleep(duration);
      const besides = difference(await server.usage(), quiet);
      return {
        queries: (flapped.statements - besides.statements) / flaps,
        writes: (flapped.writes - besides.writes) / flaps,
        publishes: (flapped.publishes - besides.publishes) / flaps,
        frames: frames / flaps,
        cpuPerFlap: (flapped.cpu - besides.cpu) / 1_000 / flaps,
        lost: Math.abs(frames - 2 * flaps * count),
      };
    } finally {
      clearInterval(heartbeat);
      flapper.close();
    }
  } finally {
    for (const device of devices) device.close();
    await server.stop();
  }
}

export const PRESENCE_SCENARIOS: readonly Scenario[] = [
  {
    name: "presence-flap",
    description: "somebody goes offline and comes back; three servers on PostgreSQL and Redis",
    subjects: ["1,000 contacts", "100 contacts", "1 contact", "0 contacts"],
    needsEngines: () => true,
    run: flap,
  },
];
