import Database from "better-sqlite3";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { fillStore, type StoredConversation } from "../load/fill-store.js";
import { Device } from "../members/device.js";
import { ServerProcess } from "../subjects/server-process.js";
import type { Effort, Scenario } from "./scenario.js";

const PAGE = 50;

/** What is stored, by the name of the case: the first is what the others are compared with. */
const CASES: Readonly<Record<string, { readonly conversations: number; readonly messages: number }>> = {
  "10,000,000 messages": { conversations: 1, messages: 10_000_000 },
  "1,000,000 conversations": { conversations: 1_000_000, messages: 10 },
  "10,000 messages": { conversations: 1, messages: 10_000 },
};

/** Pages of history at random places of a conversation. */
async function page(name: string, { smoke, duration, progress }: Effort): Promise<Figures> {
  const { conversations, messages } = CASES[name]!;
  const scale = smoke ? 1_000 : 1;
  let stored: StoredConversation[] = [];
  const server = await ServerProcess.start("chat-server.ts", async (file) => {
    const size = {
      conversations: Math.max(1, conversations / scale),
      messages: conversations > 1 ? messages : Math.max(100, messages / scale),
    };
    stored = await fillStore(new Database(file), { userId: "ana", ...size, raw: true, progress });
  });
  try {
    const device = await Device.connect(server.port, "ana");
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const one = async (): Promise<number> => {
      const { conversationId, head } = stored[Math.floor(random() * stored.length)]!;
      const before = Math.max(2, Math.min(head, Math.ceil(random() * head)));
      const begin = performance.now();
      const range = await device.range({
        conversationId,
        before: Math.max(before, Math.min(head, PAGE)) + 1,
        limit: PAGE,
      });
      if (range.entries.length === 0) throw new Error("an empty page of history");
      return performance.now() - begin;
    };
    for (let count = 0; count < (smoke ? 5 : 200); count++) await one();
    const before = await server.usage();
    const times: number[] = [];
    for (const until = performance.now() + duration; performance.now() < until;) times.push(await one());
    const after = await server.usage();
    times.sort((a, b) => a - b);
    device.close();
    return {
      milliseconds: quantile(times, 0.5),
      cpuPerPage: (after.cpu - before.cpu) / times.length,
      lost: 0,
    };
  } finally {
    await server.stop();
  }
}

/** What is missing, and where: 7. */
const ABSENCES: Readonly<Record<string, { readonly conversations: number; readonly missed: number }>> = {
  "100,000 in 1,000": { conversations: 1_000, missed: 100_000 },
  "100,000 in 100": { conversations: 100, missed: 100_000 },
  "100,000 in 1": { conversations: 1, missed: 100_000 },
  "1,000 in 1,000": { conversations: 1_000, missed: 1_000 },
  "1,000 in 100": { conversations: 100, missed: 1_000 },
  "1,000 in 1": { conversations: 1, missed: 1_000 },
  "1 in 1": { conversations: 1, missed: 1 },
};

/** A device comes back, and reads everything that it has missed: the changes since its cursor, then every conversation's entries. */
async function catchUp(name: string, { smoke, progress }: Effort): Promise<Figures> {
  const { conversations, missed } = ABSENCES[name]!;
  const scale = smoke ? Math.max(1, missed / 200) : 1;
  const rooms = Math.max(1, Math.floor(conversations / scale));
  const each = Math.max(1, Math.floor(missed / scale / rooms));
  let stored: StoredConversation[] = [];
  const server = await ServerProcess.start(
    "chat-server.ts",
    async (file) => {
      stored = await fillStore(new Database(file), {
        userId: "ana",
        conversations: rooms,
        messages: each,
        raw: false,
        progress,
      });
    },
    { CHAT_BENCH_STATEMENTS: "1" },
  );
  try {
    const device = await Device.connect(server.port, "ana");
    const before = await server.usage();
    const begin = performance.now();
    const found = await device.catchUp(stored[0]!.cursor);
    const milliseconds = performance.now() - begin;
    const after = await server.usage();
    const lost = rooms * each - found;
    device.close();
    return {
      milliseconds,
      kilobytes: device.bytes / 1_000,
      roundTrips: device.roundTrips,
      queries: after.statements - before.statements,
      cpuPerMessage: (after.cpu - before.cpu) / found,
      lost: Math.abs(lost),
    };
  } finally {
    await server.stop();
  }
}

/** What was stored before: 7 and 9. */
export const HISTORY_SCENARIOS: readonly Scenario[] = [
  {
    name: "catch-up",
    description: "a device is back: messages missed, in how many conversations",
    subjects: Object.keys(ABSENCES),
    run: catchUp,
  },
  {
    name: "history",
    description: `pages of ${PAGE} messages at random places of what is stored`,
    subjects: Object.keys(CASES),
    run: page,
  },
];
