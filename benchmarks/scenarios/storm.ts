import { setTimeout as sleep } from "node:timers/promises";
import { type ChatMember } from "../members/chat-member.js";
import { Device } from "../members/device.js";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { ServerProcess } from "../subjects/server-process.js";
import { inTurns, subjectOf, userName } from "../subjects/subjects.js";
import { textOf } from "../load/text-of.js";
import type { Effort, Scenario } from "./scenario.js";

const ROOM = 100;
/** Devices that have a connection attempt or a sync under way at once: what a kernel's backlog holds anyway. */
const AT_ONCE = 1_000;

/** Everybody loses the connection at once, misses a message, and is back at once: each says hello, asks for changes, and reads what it missed. */
async function storm(name: string, { smoke, progress }: Effort): Promise<Figures> {
  const count = smoke ? 200 : 10_000;
  const subject = subjectOf(name);
  const server = await ServerProcess.start(subject.program);
  try {
    const rooms = Array.from({ length: count / ROOM }, (_, room) =>
      Array.from({ length: ROOM }, (_unused, user) => room * ROOM + user),
    );
    const members = (await subject.connect([server.port], { users: count, rooms })) as readonly ChatMember[];
    const cursors = await inTurns(count, 32, (user) => members[user]!.position());
    for (const [room, users] of rooms.entries()) await members[users[0]!]!.send(room, textOf(room));
    for (const member of members) member.close();
    progress(`${count} were connected, missed a message each, and are back now`);
    await sleep(smoke ? 50 : 1_000);
    const [before, begin] = [await server.usage(), performance.now()];
    const times: number[] = [];
    let found = 0;
    const devices = await inTurns(count, AT_ONCE, async (user) => {
      const device = await Device.connect(server.port, userName(user));
      const missed = await device.catchUp(cursors[user]!);
      found += missed;
      times.push(performance.now() - begin);
      return device;
    });
    const milliseconds = performance.now() - begin;
    const after = await server.usage();
    for (const device of devices) device.close();
    times.sort((a, b) => a - b);
    return {
      milliseconds,
      inSyncP50: quantile(times, 0.5),
      cpuPerConnection: (after.cpu - before.cpu) / count,
      lost: Math.abs(count - found),
    };
  } finally {
    await server.stop();
  }
}

/** 8. */
export const STORM_SCENARIOS: readonly Scenario[] = [
  {
    name: "storm",
    description: "10,000 devices reconnect at once and sync",
    subjects: ["chat"],
    run: storm,
  },
];
