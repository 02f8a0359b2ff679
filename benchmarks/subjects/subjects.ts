import { randomUUID } from "node:crypto";
import { uuidToBytes } from "@chat/protocol";
import { ChatMember } from "../members/chat-member.js";
import { PlainMember } from "../members/plain-member.js";
import { type RawMember, ReadRuns } from "../members/raw-member.js";
import { SocketIoMember } from "../members/socket-io-member.js";
import type { Layout, Rooms, Subject } from "./subject.js";

/** Connections that are opened at a time. */
const OPENING = 32;
/** Below what any server's patience is, ms. */
const HEARTBEAT = 10_000;

function nameRooms({ rooms }: Layout): Rooms {
  const ids = rooms.map(() => randomUUID() as string);
  return {
    ids,
    byId: new Map(ids.map((id, room) => [id, room])),
    byBytes: new Map(ids.map((id, room) => [Buffer.from(uuidToBytes(id)).toString("latin1"), room])),
  };
}

/** Does `work` for every index, some at a time; the results are in order. */
export async function inTurns<T>(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return results;
}

/** The id of a user. */
export const userName = (user: number): string => `user-${user}`;

/** The last user, who sends nothing in any scenario, reads every message in full. */
function connectAll<M extends RawMember>(
  layout: Layout,
  join: (user: number, rooms: Rooms, runs: ReadRuns, verifies: boolean) => Promise<M>,
): Promise<{ readonly members: M[]; readonly rooms: Rooms }> {
  const [rooms, runs] = [nameRooms(layout), new ReadRuns()];
  return inTurns(layout.users, OPENING, (user) => join(user, rooms, runs, user === layout.users - 1)).then(
    (members) => ({
      members,
      rooms,
    }),
  );
}

const plain = { connect: connectPlain };

async function connectPlain(ports: readonly number[], layout: Layout): Promise<readonly PlainMember[]> {
  return (
    await connectAll(layout, (_user, _rooms, runs, verifies) => PlainMember.join(ports[0]!, runs, verifies))
  ).members;
}

const CHAT: Subject = {
  name: "chat",
  program: "chat-server.ts",
  async connect(ports, layout) {
    // Who is there early has to show it, for as long as the others take.
    const early: ChatMember[] = [];
    const heartbeat = setInterval(() => {
      for (const member of early) member.beat();
    }, HEARTBEAT);
    try {
      const { members } = await connectAll(layout, async (user, rooms, runs, verifies) => {
        const port = ports[user % ports.length]!;
        const member = await ChatMember.join(port, userName(user), rooms, runs, verifies);
        early.push(member);
        return member;
      });
      const founded = members.map(() => 0);
      for (const [room, [founder, ...others]] of layout.rooms.entries()) {
        await members[founder!]!.create(room, others.map(userName));
        for (const user of [founder!, ...others]) founded[user]!++;
      }
      // Everybody has heard of their rooms before anything is measured.
      while (members.some(({ received }, user) => received < founded[user]!)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return members;
    } finally {
      clearInterval(heartbeat);
    }
  },
};

/** What is measured. */
const SUBJECTS: readonly Subject[] = [
  CHAT,
  ...(["postgres+redis", "postgres+nats"] as const).flatMap((engines): Subject[] => [
    { ...CHAT, name: `${engines}, 1 server`, engines },
    { ...CHAT, name: `${engines}, 3 servers`, engines, servers: 3 },
  ]),
  {
    name: "socket.io",
    program: "socket-io-server.ts",
    async connect(ports, layout) {
      const roomsOf: number[][] = Array.from({ length: layout.users }, () => []);
      for (const [room, users] of layout.rooms.entries()) for (const user of users) roomsOf[user]!.push(room);
      const { members } = await connectAll(layout, (user, rooms, runs, verifies) => {
        const joined = { userId: userName(user), rooms: roomsOf[user]!.map((room) => rooms.ids[room]!) };
        return SocketIoMember.join(ports[0]!, joined, rooms, runs, verifies);
      });
      return members;
    },
  },
  { name: "limit", program: "limit-server.ts", ...plain },
  { name: "ws", program: "ws-server.ts", ...plain },
];

/** A subject by its name. */
export function subjectOf(name: string): Subject {
  const subject = SUBJECTS.find((candidate) => candidate.name === name);
  if (subject === undefined) throw new Error(`Subjects: ${SUBJECTS.map((each) => each.name).join(", ")}`);
  return subject;
}
