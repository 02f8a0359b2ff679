import { expect, it } from "vitest";
import { PacedRows } from "../../src/delivery/paced-rows.js";
import type { RowReceiver } from "../../src/delivery/row-sender.js";
import { VirtualClock } from "../virtual-clock.js";

/** Users of whom each has one session. */
function users(count: number): RowReceiver[] {
  const recipients = [{}] as unknown as RowReceiver["recipients"];
  return Array.from({ length: count }, (_, index) => ({
    userId: `user ${index}`,
    recipients,
    rowsUnderWay: 0,
  }));
}

function world() {
  const clock = new VirtualClock();
  const sent: (readonly [conversationId: string, rows: number])[] = [];
  const faults = { isDown: false, takes: 0 };
  const rows = new PacedRows(clock.runtime, async (some, conversationId) => {
    if (faults.takes > 0) {
      await new Promise<void>((resolve) => clock.runtime.clock.schedule(faults.takes, resolve));
    }
    if (faults.isDown) throw new Error("down");
    sent.push([conversationId, some.length]);
  });
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      clock.advance(5);
      await clock.settle();
    }
  }
  const total = () => sent.reduce((sum, [, count]) => sum + count, 0);
  return { rows, sent, faults, pass, total };
}

it("sends so many a second, however large the conversation, and has no small one wait for all of it", async () => {
  const { rows, sent, pass, total } = world();
  rows.send(users(10_000), "large");
  await pass(50);
  rows.send(users(3), "small");
  await pass(100);
  expect(sent.slice(0, 5)).toContainEqual(["small", 3]);
  await pass(850);
  expect(total()).toBeGreaterThan(1_800);
  expect(total()).toBeLessThan(2_200);
  await pass(5_000);
  expect(total()).toBe(10_003);
});

it("makes at most 200 reads a second of many small conversations", async () => {
  const { rows, sent, pass } = world();
  const [ana] = users(1);
  for (let count = 0; count < 1_000; count++) rows.send([ana!], `c${count}`);
  expect(ana!.rowsUnderWay).toBe(1_000);
  await pass(1_000);
  expect(sent.length).toBeGreaterThan(150);
  expect(sent.length).toBeLessThanOrEqual(201);
  await pass(5_000);
  expect(sent).toHaveLength(1_000);
  expect(ana!.rowsUnderWay).toBe(0);
});

it("takes a quarter of the time at the most where reads take long", async () => {
  const { rows, sent, faults, pass } = world();
  faults.takes = 40;
  rows.send(users(1_000), "room");
  await pass(1_600);
  expect(sent.length).toBeGreaterThan(8);
  expect(sent.length).toBeLessThanOrEqual(10);
});

it("sends once what is due again while it waits, and again what is due afterwards", async () => {
  const { rows, sent, pass } = world();
  const members = users(150);
  rows.send(members, "room");
  rows.send(members, "room");
  await pass(10);
  expect(members.map(({ rowsUnderWay }) => rowsUnderWay)).toEqual([
    ...Array<number>(50).fill(0),
    ...Array<number>(100).fill(1),
  ]);
  rows.send(members, "room");
  await pass(1_000);
  // Those who were told, once more; those who waited, once.
  expect(sent).toEqual([
    ["room", 50],
    ["room", 50],
    ["room", 50],
    ["room", 50],
  ]);
  expect(members.some(({ rowsUnderWay }) => rowsUnderWay !== 0)).toBe(false);
});

it("tries again what could not be read, and until then vouches for nothing; of those who have gone it reads nothing", async () => {
  const { rows, sent, faults, pass } = world();
  const [ana, bo] = users(2) as [RowReceiver, RowReceiver];
  faults.isDown = true;
  rows.send([ana, bo], "room");
  await pass(400);
  expect([ana.rowsUnderWay, bo.rowsUnderWay]).toEqual([1, 1]);
  faults.isDown = false;
  Object.assign(bo, { recipients: [] });
  await pass(600);
  expect(sent).toEqual([["room", 1]]);
  expect([ana.rowsUnderWay, bo.rowsUnderWay]).toEqual([0, 0]);
});
