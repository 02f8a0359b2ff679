import { setTimeout as sleep } from "node:timers/promises";
import { textOf } from "../load/text-of.js";
import { type ChatMember } from "../members/chat-member.js";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { ServerGroup } from "../subjects/server-group.js";
import type { Subject } from "../subjects/subject.js";
import { inTurns, subjectOf } from "../subjects/subjects.js";
import type { Effort, Scenario } from "./scenario.js";

const MEMBERS = 10_000;
/** How long everybody may take to receive what was said, ms. */
const PATIENCE = 60_000;
/** Below what any server's patience is, ms. */
const HEARTBEAT = 10_000;
/** Messages a second of a busy group: twice the rate above which devices are told of news only. */
const BUSY_RATE = 20;
/** Members who say at once that they have read. */
const AT_ONCE = 1_000;

/** Pause before the next message of those that are sent one at a time, ms: nobody writes while the others still receive. */
const ONE_AT_A_TIME = 50;

const THREE = "postgres+redis, 3 servers";

/** A subject by its name, which may begin with how entries reach the members. */
function largeSubject(name: string, smoke: boolean): Subject {
  const [mode, ...rest] = name.split(": ");
  const subject = subjectOf(rest.length > 0 ? rest.join() : name);
  // Where the group is a small one, news is told from few on.
  return mode === "pulled" ? { ...subject, settings: { largeGroupOnline: smoke ? 10 : 500 } } : subject;
}

interface Group {
  readonly server: ServerGroup;
  readonly members: readonly ChatMember[];
  /** Where everybody stands. */
  readonly head: number;
}

/** Runs something in a group of whom all are connected. */
async function inGroup(
  subject: Subject,
  { smoke, progress }: Effort,
  work: (group: Group) => Promise<Figures>,
): Promise<Figures> {
  const count = smoke ? 60 : MEMBERS;
  const server = await ServerGroup.start(subject);
  try {
    const everybody = Array.from({ length: count }, (_, user) => user);
    const layout = { users: count, rooms: [everybody] };
    const members = (await subject.connect(server.ports, layout)) as readonly ChatMember[];
    const heartbeat = setInterval(() => {
      for (const member of members) member.beat();
    }, HEARTBEAT);
    try {
      // What was said of those who joined is heard by all of them before anything is measured.
      for (const giveUp = performance.now() + PATIENCE; performance.now() < giveUp; await sleep(100)) {
        const head = Math.max(...members.map((member) => member.lastId(0)));
        if (members.every((member) => member.lastId(0) === head)) break;
      }
      progress(`${count} members are in the group`);
      return await work({ server, members, head: members[0]!.lastId(0) });
    } finally {
      clearInterval(heartbeat);
      for (const member of members) member.close();
    }
  } finally {
    await server.stop();
  }
}

/** Waits until everybody has everything up to an id. */
async function everybodyHas(members: readonly ChatMember[], head: number): Promise<void> {
  const giveUp = performance.now() + PATIENCE;
  while (members.some((member) => member.lastId(0) < head) && performance.now() < giveUp) await sleep(2);
}

/** What of (head, through] did not come, and who received something twice or out of order. */
function lost(members: readonly ChatMember[], through: number): number {
  return members.reduce(
    (sum, member) => sum + Math.abs(through - member.lastId(0)) + (member.inOrder ? 0 : 1),
    0,
  );
}

/** One sends at an interval; each delivery to each member is timed. */
async function talk(
  { server, members, head }: Group,
  { duration }: Effort,
  interval: number,
  oneByOne: boolean,
): Promise<Figures> {
  /** When the message of an id was sent: one sender's keep their order. */
  const sentAt: number[] = [];
  const delays: number[] = [];
  let isMeasured = false;
  for (const member of members) {
    member.onRun = (after, through) => {
      const now = performance.now();
      for (let id = after + 1; isMeasured && id <= through; id++) {
        const at = sentAt[id - head - 1];
        if (at !== undefined) delays.push(now - at);
      }
    };
  }
  const last: number[] = [];
  const acks: number[] = [];
  const send = async (): Promise<void> => {
    const begin = performance.now();
    const id = head + sentAt.push(begin);
    const ack = members[0]!.send(0, textOf(id)).then(() => acks.push(performance.now() - begin));
    if (oneByOne) {
      await everybodyHas(members, id);
      last.push(performance.now() - begin);
    }
    await ack;
  };
  for (let warm = 0; warm < 5; warm++) await send();
  await everybodyHas(members, head + sentAt.length);
  [last.length, acks.length] = [0, 0];
  isMeasured = true;
  const sum = (of: "received" | "bytes" | "requests"): number =>
    members.reduce((total, member) => total + member[of], 0);
  const [received, bytes, requests] = [sum("received"), sum("bytes"), sum("requests")];
  const [before, load, begin] = [await server.usage(), process.cpuUsage(), performance.now()];
  const sends: Promise<void>[] = [];
  for (let next = begin; performance.now() < begin + duration || acks.length + sends.length < 5;) {
    if (oneByOne) await send();
    else sends.push(send());
    next = Math.max(next + interval, performance.now() - interval);
    await sleep(Math.max(0, next - performance.now()));
  }
  await Promise.all(sends);
  await everybodyHas(members, head + sentAt.length);
  const { user, system } = process.cpuUsage(load);
  const seconds = (performance.now() - begin) / 1_000;
  const after = await server.usage();
  const deliveries = sum("received") - received;
  const sorted = Float64Array.from(delays).sort();
  return {
    memberP50: sorted[sorted.length >> 1]!,
    memberP99: sorted[Math.floor(sorted.length * 0.99)]!,
    ...(oneByOne && {
      deliveredP50: quantile(
        last.sort((a, b) => a - b),
        0.5,
      ),
      deliveredP99: quantile(last, 0.99),
    }),
    ackP50: quantile(
      acks.sort((a, b) => a - b),
      0.5,
    ),
    cpuPerDelivery: (after.cpu - before.cpu) / deliveries,
    bytesPerDelivery: (sum("bytes") - bytes) / deliveries,
    requestsPerDelivery: (sum("requests") - requests) / deliveries,
    loadCpu: (user + system) / 1e6 / seconds,
    lost: lost(members, head + sentAt.length),
  };
}

/** Everybody says that they have read the latest message, each with a request of their own. */
async function readAll({ server, members, head }: Group): Promise<Figures> {
  await members[0]!.send(0, textOf(1));
  await everybodyHas(members, head + 1);
  // What the servers do besides is over.
  await sleep(500);
  const pushes = (): number => members.reduce((total, member) => total + member.pushes, 0);
  const [before, pushed, begin] = [await server.usage(), pushes(), performance.now()];
  await inTurns(members.length, AT_ONCE, (member) => members[member]!.read(0));
  const milliseconds = performance.now() - begin;
  const after = await server.usage();
  // What is still to be told comes behind the answers.
  await sleep(500);
  return {
    milliseconds,
    cpuPerReceipt: (after.cpu - before.cpu) / members.length,
    queries: after.statements - before.statements,
    writes: after.writes - before.writes,
    publishes: after.publishes - before.publishes,
    // An answer each, and what was pushed.
    frames: members.length + pushes() - pushed,
    lost: lost(members, head + 1),
  };
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "large-group",
    description: "10,000 connected members, one message at a time",
    subjects: ["chat", THREE],
    run: (name, effort) =>
      inGroup(subjectOf(name), effort, (group) => talk(group, effort, ONE_AT_A_TIME, true)),
  },
  {
    name: "large-group-busy",
    description: `10,000 connected members, ${BUSY_RATE} messages a second: above the limit, where devices are told of news and fetch it`,
    subjects: ["pulled: chat", "pushed: chat", `pulled: ${THREE}`, `pushed: ${THREE}`],
    run: (name, effort) =>
      inGroup(largeSubject(name, effort.smoke), effort, (group) =>
        talk(group, effort, 1_000 / BUSY_RATE, false),
      ),
  },
  {
    name: "large-group-receipts",
    description: "each of 10,000 connected members says to have read the latest message",
    subjects: ["chat", THREE],
    run: (name, effort) => inGroup({ ...subjectOf(name), counts: true }, effort, readAll),
  },
];

/** A group of 10,000 of whom all are connected. */
export const LARGE_GROUP_SCENARIOS = SCENARIOS.map((scenario): Scenario => ({
  ...scenario,
  needsEngines: (name) => name.endsWith(THREE),
}));
