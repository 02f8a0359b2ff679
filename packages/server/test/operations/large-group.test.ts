import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "@chat/protocol";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { type ChatServer, createChatServer, type Member } from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { RawDevice } from "../raw-device.js";

const MEMBERS = LIMITS.groupMembers;
const BATCH = LIMITS.membersPerRequest;
/** How many times as long something may take in the largest group as in a small one: work that grew with the members would be beyond ×100. */
const BOUND = 20;

const userId = (number: number): string => `user ${String(number).padStart(5, "0")}`;

/** Counts the statements that a piece of work runs; not the look by a timer at what other processes wrote. */
class Statements {
  #count = 0;
  readonly verbose = (sql?: unknown): void => {
    if (sql !== "PRAGMA data_version") this.#count++;
  };

  async of(work: () => Promise<unknown>): Promise<number> {
    const before = this.#count;
    await work();
    return this.#count - before;
  }
}

/**
 * How many times as long one piece of work takes as another. The two take turns, so that what the machine does besides befalls both, and the fastest run
 * of each counts: that is what the work itself takes.
 */
async function timesAsLong(work: () => Promise<unknown>, other: () => Promise<unknown>): Promise<number> {
  let [best, bestOfOther] = [Infinity, Infinity];
  const timed = async (run: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await run();
    return performance.now() - began;
  };
  for (let turn = 0; turn < 20; turn++) {
    bestOfOther = Math.min(bestOfOther, await timed(other));
    best = Math.min(best, await timed(work));
  }
  return best / bestOfOther;
}

describe(`a group of ${MEMBERS} members`, () => {
  const statements = new Statements();
  let server: ChatServer;
  const system = (): ChatServer["system"] => server.system;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "chat-large-group-"));
    const database = new Database(join(folder, "chat.db"), { verbose: statements.verbose });
    // Far beyond what the test takes, so that nothing but what it asks for runs statements.
    const settings = { reconcileInterval: 3_600_000, retentionInterval: 3_600_000, registryLease: 3_600_000 };
    server = createChatServer({
      store: sqlite(database),
      authenticate: ({ token }) => ({ userId: token }),
      settings,
    });
    await server.ready();
    await system().createGroup({ id: "small", members: [userId(0), userId(1)] });
    await system().createGroup({ id: "large", members: [userId(0)] });
    return async () => {
      await server.close();
      database.close();
      rmSync(folder, { recursive: true, force: true });
    };
  });

  it(
    "is filled batch by batch, the last as fast as the first, and takes nobody more",
    { timeout: 60_000 },
    async () => {
      const took: number[] = [];
      for (let from = 1; from < MEMBERS; from += BATCH) {
        const members = Array.from({ length: Math.min(BATCH, MEMBERS - from) }, (_, index) =>
          userId(from + index),
        );
        const began = performance.now();
        await server.as(userId(0)).addMembers("large", members);
        took.push(performance.now() - began);
      }
      expect(took).toHaveLength(20);
      expect(Math.min(...took.slice(-5)) / Math.min(...took.slice(0, 5))).toBeLessThan(BOUND);
      expect(await system().conversation("large")).toMatchObject({ memberCount: MEMBERS });
      await expect(server.as(userId(0)).addMembers("large", ["one too many"])).rejects.toMatchObject({
        code: "limit_exceeded",
      });
    },
  );

  it("is paged through, each member once, by as many statements a page as a group of two", async () => {
    const page = (room: string, next?: string) => () =>
      system().members(room, { limit: BATCH, ...(next !== undefined && { page: next }) });
    const forTwo = await statements.of(page("small"));
    expect(forTwo).toBeGreaterThan(0);
    const everybody: Member[] = [];
    let next: string | undefined;
    do {
      const answer: { items: readonly Member[]; next?: string } = await page("large", next)();
      expect(await statements.of(page("large", next))).toBe(forTwo);
      everybody.push(...answer.items);
      next = answer.next;
    } while (next !== undefined);
    expect(everybody.map((member) => member.userId)).toEqual(
      Array.from({ length: MEMBERS }, (_, n) => userId(n)),
    );
    const last = everybody.at(-BATCH - 1)!.userId;
    expect(await timesAsLong(page("large", last), page("large"))).toBeLessThan(BOUND);
  });

  it("takes messages and shows rows by as many statements, and about as fast, as a group of two", async () => {
    for (const work of [
      (room: string) => server.as(userId(1)).send(room, "hello"),
      (room: string) => server.as(userId(1)).conversation(room),
      // Of both as much: further up the large one has entries that name 500 members each.
      (room: string) => server.as(userId(1)).history(room, { limit: 10 }),
    ]) {
      await work("large");
      await work("small");
      expect(await statements.of(() => work("large"))).toBe(await statements.of(() => work("small")));
      expect(
        await timesAsLong(
          () => work("large"),
          () => work("small"),
        ),
      ).toBeLessThan(BOUND);
    }
  });

  it("delivers to those who are connected, whoever they are", async () => {
    const devices = await Promise.all(
      [2, 4_999, MEMBERS - 1].map((number) => RawDevice.open(server, userId(number))),
    );
    const { messageId } = await server.as(userId(7_777)).send("large", "can you hear me?");
    for (const device of devices) {
      await device.until((frame) => frame.type === "entries" && frame.through === messageId);
      expect(device.pushed("large").at(-1)).toMatchObject({ text: "can you hear me?" });
      device.drop();
    }
  });
});
