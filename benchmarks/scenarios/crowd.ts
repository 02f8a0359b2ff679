import { setTimeout as sleep } from "node:timers/promises";
import { textOf } from "../load/text-of.js";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { ServerProcess } from "../subjects/server-process.js";
import type { Member } from "../subjects/subject.js";
import { subjectOf } from "../subjects/subjects.js";
import type { Effort, Scenario } from "./scenario.js";

/** Between two signs of life of one client, ms: what the SDK's server asks for. socket.io's default is 25,000. */
const HEARTBEAT = 10_000;
/** How long everybody may take to receive one message, ms. */
const PATIENCE = 60_000;

const PEERS = ["chat", "socket.io", "ws"];

/** 10,000 connections that do nothing: what each costs. */
async function rest(name: string, { smoke, duration, progress }: Effort): Promise<Figures> {
  const count = smoke ? 50 : 10_000;
  const subject = subjectOf(name);
  const server = await ServerProcess.start(subject.program);
  const [empty, begin] = [await server.memory(), performance.now()];
  const before = await server.usage();
  const members = await subject.connect([server.port], { users: count, rooms: [] });
  const seconds = (performance.now() - begin) / 1_000;
  const connected = await server.usage();
  progress(`${count} connected in ${seconds.toFixed(1)} s`);
  try {
    const full = await server.memory();
    const resting = await server.usage();
    const restBegin = performance.now();
    const restTime = smoke ? duration : Math.max(duration, HEARTBEAT);
    for (let beaten = 0; performance.now() - restBegin < restTime;) {
      await sleep(20);
      const due = Math.min(count, Math.floor((count * (performance.now() - restBegin)) / HEARTBEAT));
      while (beaten < due) members[beaten++]!.beat();
    }
    const rested = await server.usage();
    const kibibytes = (bytes: number): number => bytes / count / 1_024;
    return {
      connectionsPerSecond: count / seconds,
      cpuPerConnection: (connected.cpu - before.cpu) / count,
      heapPerConnection: kibibytes(full.heap - empty.heap),
      rssPerConnection: kibibytes(full.rss - empty.rss),
      idleCpu: (rested.cpu - resting.cpu) / 10 / (performance.now() - restBegin),
      lost: 0,
    };
  } finally {
    for (const member of members) member.close();
    await server.stop();
  }
}

function received(members: readonly Member[]): number {
  return members.reduce((sum, member) => sum + member.received, 0);
}

/** One message at a time to everybody in a large room. */
async function broadcast(
  name: string,
  room: number,
  { smoke, duration, progress }: Effort,
): Promise<Figures> {
  const count = smoke ? 60 : room;
  const subject = subjectOf(name);
  const server = await ServerProcess.start(subject.program);
  const everybody = Array.from({ length: count }, (_, user) => user);
  const members = await subject.connect([server.port], { users: count, rooms: [everybody] });
  progress(`${count} members are in the room`);
  try {
    const send = async (number: number): Promise<{ readonly ack: number; readonly last: number }> => {
      const [begin, goal] = [performance.now(), received(members) + count];
      const ack = members[number % 10]!.send(0, textOf(number)).then(() => performance.now() - begin);
      while (received(members) < goal && performance.now() - begin < PATIENCE) await sleep(1);
      return { ack: await ack, last: performance.now() - begin };
    };
    for (let number = 0; number < 5; number++) await send(number);
    const before = await server.usage();
    const start = received(members);
    const times: { readonly ack: number; readonly last: number }[] = [];
    for (const until = performance.now() + duration; performance.now() < until || times.length < 5;) {
      times.push(await send(times.length));
      // A crowd is not a busy room: nobody writes while the others still receive.
      await sleep(50);
    }
    const deliveries = received(members) - start;
    const after = await server.usage();
    const sorted = (of: "ack" | "last"): number[] => times.map((time) => time[of]).sort((a, b) => a - b);
    return {
      deliveredP50: quantile(sorted("last"), 0.5),
      deliveredP99: quantile(sorted("last"), 0.99),
      ackP50: quantile(sorted("ack"), 0.5),
      cpuPerDelivery: (after.cpu - before.cpu) / deliveries,
      lost: Math.abs(times.length * count - deliveries) + members.filter(({ inOrder }) => !inOrder).length,
    };
  } finally {
    for (const member of members) member.close();
    await server.stop();
  }
}

/** Many connections: 5 and 6. */
export const CROWD_SCENARIOS: readonly Scenario[] = [
  ...[1_000, 5_000, 10_000].map((room): Scenario => ({
    name: `broadcast-${room}`,
    description: `one message at a time to ${room.toLocaleString("en")} members`,
    subjects: PEERS,
    run: (subject, effort) => broadcast(subject, room, effort),
  })),
  { name: "idle", description: "10,000 connections at rest, heartbeats on", subjects: PEERS, run: rest },
];
