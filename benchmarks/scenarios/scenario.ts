import type { Member } from "../subjects/subject.js";

/** What the members of a room do while it is measured. */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly members: number;
  /** Sends until `until` (ms on performance.now's clock) and then waits for its acknowledgements; reports each one's delay in ms. */
  run(room: readonly Member[], until: number, acknowledged: (delay: number) => void): Promise<void>;
}

/** About 100 characters, and never twice the same. */
function textOf(number: number): string {
  return `${number} `.padEnd(100, "the quick brown fox jumps over the lazy dog, ");
}

async function keepInFlight(
  member: Member,
  inFlight: number,
  until: number,
  acknowledged: (delay: number) => void,
): Promise<void> {
  let number = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const begin = performance.now();
      await member.send(textOf(number++));
      acknowledged(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "busy-room",
    description: "room of 100, one sender with 20 messages in flight",
    members: 100,
    run: (room, until, acknowledged) => keepInFlight(room[0]!, 20, until, acknowledged),
  },
  {
    name: "fifty-senders",
    description: "room of 100, 50 senders with one message in flight each",
    members: 100,
    async run(room, until, acknowledged) {
      const senders = room.slice(0, 50);
      await Promise.all(senders.map((member) => keepInFlight(member, 1, until, acknowledged)));
    },
  },
  {
    name: "calm-room",
    description: "room of 100, 25 messages a second",
    members: 100,
    async run(room, until, acknowledged) {
      const sent: Promise<void>[] = [];
      const begin = performance.now();
      for (let number = 0; begin + number * 40 < until; number++) {
        const wait = begin + number * 40 - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        const at = performance.now();
        sent.push(room[number % 10]!.send(textOf(number)).then(() => acknowledged(performance.now() - at)));
      }
      await Promise.all(sent);
    },
  },
];
