import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { createChatServer, DEFAULT_SETTINGS } from "../src/index.js";
import { sqlite } from "../src/store/sqlite/index.js";
import { temporaryFolder } from "./open-server.js";
import { RawDevice } from "./raw-device.js";
import { VirtualClock } from "./virtual-clock.js";

const MEMBERS = 10_000;

it("counts exactly in a group of 10,000, at a row for each receipt, few commits, and no frame to others", async () => {
  const clock = new VirtualClock();
  const commits: string[] = [];
  const database = new Database(join(temporaryFolder(), "chat.db"), {
    verbose: (sql) => {
      if (sql === "COMMIT") commits.push(sql);
    },
  });
  const server = createChatServer({
    store: sqlite(database),
    authenticate: ({ token }) => ({ userId: token }),
    runtime: clock.runtime,
  });
  onTestFinished(async () => {
    await server.close();
    database.close();
  });
  const names = Array.from({ length: MEMBERS - 1 }, (_, at) => `u${at}`);
  await server.as("ana").createGroup({ id: "room", members: names.slice(0, 500) });
  for (let at = 500; at < names.length; at += 500) {
    await server.as("ana").addMembers("room", names.slice(at, at + 500));
  }
  const devices: RawDevice[] = [];
  for (const name of names.slice(0, 100)) devices.push(await RawDevice.open(server, name));
  const changes = (): number => (database.prepare("SELECT total_changes() AS n").get() as { n: number }).n;

  // A message is one write, whoever it is for.
  let before = { commits: commits.length, changes: changes() };
  const { messageId } = await server.as("ana").send("room", "hello");
  expect([commits.length - before.commits, changes() - before.changes < 10]).toEqual([1, true]);
  expect(await server.as("u1").countReceipts("room", messageId)).toEqual({
    ...{ members: MEMBERS, delivered: 1, read: 1 },
  });

  before = { commits: commits.length, changes: changes() };
  // What the message brought each is not a receipt.
  for (const device of devices) await device.until(({ type }) => type === "entries");
  const told = devices.map(({ received }) => received.length);
  await Promise.all(names.map((name) => server.as(name).sendReceipt("room", { read: messageId })));
  const cost = { commits: commits.length - before.commits, changes: changes() - before.changes };
  console.log(`${names.length} read receipts: ${cost.commits} commits, ${cost.changes} rows written`);
  expect(cost.changes).toBeLessThan(2.2 * names.length);
  expect(cost.commits).toBeLessThan(names.length / 50);
  // The server looks what the store has of others, and finds but what it has told.
  clock.advance(DEFAULT_SETTINGS.reconcileInterval);
  await clock.settle();
  for (const device of devices) await device.expect("pong", { type: "ping" });
  // Each of the hundred hears of its own receipt, and of nobody else's.
  for (const [at, { received }] of devices.entries()) {
    expect(received.slice(told[at]).map(({ type }) => type)).toEqual(["own-receipt-changed", "pong"]);
  }
  expect(await server.as("u1").countReceipts("room", messageId)).toEqual({
    ...{ members: MEMBERS, delivered: MEMBERS, read: MEMBERS },
  });

  // Said again it costs nothing; what is written is when the hundred were there.
  before = { commits: commits.length, changes: changes() };
  await Promise.all(names.map((name) => server.as(name).sendReceipt("room", { read: messageId })));
  expect(changes() - before.changes).toBeLessThanOrEqual(devices.length);
});
