import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import type { ChatServer } from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

const NAMES = ["u0", "u1", "u2", "u3", "u4", "u5"];
/** Messages that were said when the group has become a large one: too many at once to be pushed. */
const SAID = 40;

/** A large group whose devices have been told of news, and another server on the same store, of which this one hears nothing. */
async function largeGroup(): Promise<{
  server: ChatServer;
  devices: Map<string, RawDevice>;
  other: ChatServer;
  head: number;
  /** The statements, since the call before, that ask for a participation. */
  asked(): number;
}> {
  // It stands still: nothing is looked for in the store by a timer.
  const clock = new VirtualClock();
  const { runtime } = clock;
  const file = join(temporaryFolder(), "chat.db");
  let asked = 0;
  const verbose = (sql?: unknown): void => {
    if (/membership_version AS membershipVersion/.test(String(sql))) asked++;
  };
  const database = new Database(file, { verbose });
  onTestFinished(() => void database.close());
  const settings = { largeGroupOnline: 4, largeGroupRate: 5, sendBurst: 1_000 };
  const server = await openServer({ store: sqlite(database), runtime, settings });
  const other = await openServer({ runtime }, file);
  await server.as("ana").createGroup({ id: "room", members: NAMES });
  const devices = new Map<string, RawDevice>();
  for (const name of NAMES) devices.set(name, await RawDevice.open(server, name));
  let head = 0;
  for (let said = 0; said < SAID; said++) {
    head = (await server.as("ana").send("room", `message ${said}`)).messageId;
  }
  // What was acknowledged is delivered a turn later.
  await clock.settle();
  const count = (): number => [asked, (asked = 0)][0]!;
  count();
  return { server, devices, other, head, asked: count };
}

const newest = (after: number) => ({ type: "get-range", conversationId: "room", after, limit: 100 }) as const;

it("many devices that ask for what is new in a large group are authorized by one read of the store", async () => {
  const { devices, head, asked } = await largeGroup();
  const answers = await Promise.all(
    [...devices.values()].map((device, at) => device.expect("range", newest(head - 10 - at))),
  );
  answers.forEach(({ entries, through, head: told }, at) => {
    expect(entries.map(({ messageId }) => messageId)).toEqual(
      Array.from({ length: 10 + at }, (_, index) => head - 9 - at + index),
    );
    expect([through, told]).toEqual([head, head]);
  });
  expect(asked()).toBe(1);
});

it("a member who was removed elsewhere, of which this server has not heard yet, reads nothing of what came after it", async () => {
  const { devices, other, head } = await largeGroup();
  await other.as("ana").removeMembers("room", ["u4"]);
  for (let said = 0; said < 3; said++) await other.as("ana").send("room", "behind their backs");
  const [removed, member] = await Promise.all(
    ["u4", "u5"].map((name) => devices.get(name)!.expect("range", newest(head - 5))),
  );
  expect(removed).toMatchObject({ through: head, head });
  expect(removed!.entries.map(({ messageId }) => messageId)).toEqual(
    [4, 3, 2, 1, 0].map((behind) => head - behind),
  );
  expect(member).toMatchObject({ through: head + 4, head: head + 4 });
});

it("a member who was removed and came back reads what they saw before, and nothing of what was in between", async () => {
  const { server, devices, head } = await largeGroup();
  const ana = server.as("ana");
  const removedAt = head + 1;
  await ana.removeMembers("room", ["u4"]);
  for (let said = 0; said < 3; said++) await ana.send("room", "behind their backs");
  await ana.addMembers("room", ["u4"]);
  const { messageId: through } = await ana.send("room", "welcome back");
  const back = devices.get("u4")!;
  const all = await back.expect("range", newest(head - 2));
  expect(all).toMatchObject({ after: head - 2, through, head: through });
  expect(all.entries.map(({ messageId }) => messageId)).toEqual([head - 1, head, removedAt + 4, through]);
  expect((await back.expect("range", newest(removedAt + 4))).entries).toMatchObject([{ messageId: through }]);
});
