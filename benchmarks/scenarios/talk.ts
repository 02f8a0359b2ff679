import { textOf } from "../load/text-of.js";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { ServerGroup } from "../subjects/server-group.js";
import type { Layout, Member } from "../subjects/subject.js";
import { subjectOf } from "../subjects/subjects.js";
import type { Effort, Scenario } from "./scenario.js";

/** How long members have for the last deliveries after the last acknowledgement, ms. */
const DRAIN = 20_000;
/**
 * ms for each server before anything is measured. For its first seconds a server spends a third of its time on compiling the functions that turn
 * out to be hot, which a server that lives for days does not. Several servers share a core: each of them gets there later.
 */
const WARM_UP = 10_000;
/** Below what any server's patience is, ms. */
const HEARTBEAT = 10_000;
/** Between two lines of progress, ms. */
const PROGRESS = 30_000;
/** 30,000 deliveries a second in a room of 100. */
const STEADY_RATE = 300;

/** Sends until `until` (ms on performance.now's clock), then waits for its acknowledgements; tells of each one's delay in ms, and the room. */
type Talk = (
  members: readonly Member[],
  layout: Layout,
  until: number,
  acknowledged: (delay: number, room: number) => void,
) => Promise<void>;

/** One message after the other, in rooms of `next`'s choice. */
async function keepTalking(
  next: () => { readonly member: Member; readonly room: number; readonly number: number },
  until: number,
  acknowledged: (delay: number, room: number) => void,
): Promise<void> {
  while (performance.now() < until) {
    const { member, room, number } = next();
    const begin = performance.now();
    await member.send(room, textOf(number));
    acknowledged(performance.now() - begin, room);
  }
}

/** One a time in an interval. */
async function talkCalmly(
  interval: number,
  next: (number: number) => Member,
  until: number,
  acknowledged: (delay: number, room: number) => void,
): Promise<void> {
  const sent: Promise<void>[] = [];
  const begin = performance.now();
  for (let number = 0; begin + number * interval < until; number++) {
    const wait = begin + number * interval - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const at = performance.now();
    sent.push(
      next(number)
        .send(0, textOf(number))
        .then(() => acknowledged(performance.now() - at, 0)),
    );
  }
  await Promise.all(sent);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function total(members: readonly Member[], of: "received" | "bytes"): number {
  return members.reduce((sum, member) => sum + member[of], 0);
}

/**
 * @param memory true tells what the server's heap holds before and after as well; not for short runs, as it collects garbage
 */
async function measure(
  name: string,
  layout: Layout,
  talk: Talk,
  effort: Effort,
  memory: boolean,
): Promise<Figures> {
  const subject = subjectOf(name);
  const server = await ServerGroup.start(subject);
  const members = await subject.connect(server.ports, layout);
  // Who only listens has to show that they are there: on a machine that is busy with other things a run may last for minutes.
  const heartbeat = setInterval(() => {
    for (const member of members) member.beat();
  }, HEARTBEAT);
  const telling = setInterval(
    () => effort.progress(`${total(members, "received")} deliveries so far`),
    PROGRESS,
  );
  try {
    let expected = 0;
    const expect = (_delay: number, room: number): void => void (expected += layout.rooms[room]!.length);
    const everythingCame = async (since: number): Promise<void> => {
      const giveUp = performance.now() + DRAIN;
      while (total(members, "received") - since < expected && performance.now() < giveUp) await nextTurn();
    };
    const start = total(members, "received");
    const warmUp = effort.smoke ? effort.duration / 3 : WARM_UP * server.ports.length;
    await talk(members, layout, performance.now() + warmUp, expect);
    await everythingCame(start);
    const empty = memory ? await server.memory() : undefined;
    expected = 0;
    const delays: number[] = [];
    const [received, bytes] = [total(members, "received"), total(members, "bytes")];
    const [before, load, begin] = [await server.usage(), process.cpuUsage(), performance.now()];
    await talk(members, layout, begin + effort.duration, (delay, room) => {
      delays.push(delay);
      expect(delay, room);
    });
    const seconds = (performance.now() - begin) / 1_000;
    const { user, system } = process.cpuUsage(load);
    await everythingCame(received);
    const after = await server.usage();
    const deliveries = total(members, "received") - received;
    delays.sort((a, b) => a - b);
    const full = memory ? await server.memory() : undefined;
    return {
      messagesPerSecond: delays.length / seconds,
      deliveriesPerSecond: deliveries / seconds,
      cpuPerDelivery: (after.cpu - before.cpu) / deliveries,
      ackP50: quantile(delays, 0.5),
      ackP99: quantile(delays, 0.99),
      bytesPerDelivery: (total(members, "bytes") - bytes) / deliveries,
      loadCpu: (user + system) / 1e6 / seconds,
      ...(empty !== undefined && { heapBefore: empty.heap / 2 ** 20, rssBefore: empty.rss / 2 ** 20 }),
      ...(full !== undefined && { heapAfter: full.heap / 2 ** 20, rssAfter: full.rss / 2 ** 20 }),
      lost: Math.abs(expected - deliveries) + members.filter(({ inOrder }) => !inOrder).length,
    };
  } finally {
    clearInterval(heartbeat);
    clearInterval(telling);
    for (const member of members) member.close();
    await server.stop();
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const ROOM_OF_100: Layout = { users: 100, rooms: [range(100)] };

/** Deterministic, so that every subject and round has the same rooms. */
function smallRooms(users: number, rooms: number): Layout {
  let seed = 1;
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % limit;
  };
  const room = (): number[] => {
    const members = new Set<number>();
    const size = 2 + below(9);
    // The last user reads in full and does not talk.
    while (members.size < size) members.add(below(users));
    return [...members];
  };
  return { users, rooms: range(rooms).map(room) };
}

function scenario(
  name: string,
  description: string,
  subjects: readonly string[],
  layout: (effort: Effort) => Layout,
  talk: Talk,
  memory = false,
): Scenario {
  return {
    name,
    description,
    subjects,
    run: (subject, effort) => measure(subject, layout(effort), talk, effort, memory),
  };
}

const EVERYBODY = ["chat", "socket.io", "limit", "ws"];

/** People talk, in one room or many: 1 to 4. */
const ON_ONE_MACHINE: readonly Scenario[] = [
  scenario(
    "busy-room",
    "room of 100, one sender with 20 messages in flight",
    EVERYBODY,
    () => ROOM_OF_100,
    async (members, _layout, until, acknowledged) => {
      let number = 0;
      const next = (): { member: Member; room: number; number: number } => ({
        member: members[0]!,
        room: 0,
        number: number++,
      });
      await Promise.all(range(20).map(() => keepTalking(next, until, acknowledged)));
    },
  ),
  scenario(
    "fifty-senders",
    "room of 100, 50 senders with one message in flight each",
    EVERYBODY,
    () => ROOM_OF_100,
    async (members, _layout, until, acknowledged) => {
      let number = 0;
      const sender = (member: Member): Promise<void> =>
        keepTalking(() => ({ member, room: 0, number: number++ }), until, acknowledged);
      await Promise.all(members.slice(0, 50).map(sender));
    },
  ),
  scenario(
    "calm-room",
    "room of 100, 25 messages a second",
    EVERYBODY,
    () => ROOM_OF_100,
    (members, _layout, until, acknowledged) =>
      talkCalmly(40, (number) => members[number % 10]!, until, acknowledged),
  ),
  scenario(
    "small-rooms",
    "1,000 rooms of 2 to 10 members, 1,000 users, 50 messages in flight in rooms by turns",
    ["chat", "socket.io"],
    ({ smoke }) => (smoke ? smallRooms(40, 40) : smallRooms(1_000, 1_000)),
    async (members, layout, until, acknowledged) => {
      let number = 0;
      const next = (): { member: Member; room: number; number: number } => {
        const room = number % layout.rooms.length;
        const users = layout.rooms[room]!;
        return { member: members[users[number % users.length]!]!, room, number: number++ };
      };
      await Promise.all(range(50).map(() => keepTalking(next, until, acknowledged)));
    },
  ),
];

/** The same on engines that several servers share: three of them, beside one. 10. */
const ON_ENGINES = ["postgres+redis", "postgres+nats"].flatMap((engines) =>
  ON_ONE_MACHINE.map((scenario): Scenario => ({
    ...scenario,
    name: `${engines.slice("postgres+".length)}-${scenario.name}`,
    description: `${scenario.description}; PostgreSQL and ${engines === "postgres+redis" ? "Redis" : "NATS"}`,
    subjects: [`${engines}, 3 servers`, `${engines}, 1 server`],
    needsEngines: () => true,
  })),
);

/** For `--seconds 1800`: whether a server holds a rate, and its memory, for long. */
const STEADY = scenario(
  "steady",
  "room of 100, 300 messages a second",
  ["chat"],
  () => ROOM_OF_100,
  (members, _layout, until, acknowledged) =>
    talkCalmly(1_000 / STEADY_RATE, (number) => members[number % 50]!, until, acknowledged),
  true,
);

export const TALK_SCENARIOS: readonly Scenario[] = [...ON_ONE_MACHINE, STEADY, ...ON_ENGINES];
