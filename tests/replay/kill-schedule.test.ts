import { expect, test } from "vitest";
import { KillSchedule } from "./kill-schedule.js";

function scheduleOf(kills: number, start: () => Promise<void> = async () => {}) {
  const events: string[] = [];
  const server = {
    kill: async () => void events.push("kill"),
    start: async () => {
      await start();
      events.push("start");
    },
  };
  const schedule = new KillSchedule(
    server,
    { seed: 1, steps: 1_000, kills },
    () => events.push("told"),
    (error) => events.push(String(error)),
  );
  return { schedule, events };
}

test("kills and starts again as often as wanted, spread over the steps, and tells of both", async () => {
  const { schedule, events } = scheduleOf(4);
  const killedAt: number[] = [];
  for (let step = 0; step < 1_000; step++) {
    schedule.step();
    await schedule.over();
    if (schedule.kills > killedAt.length) killedAt.push(step);
  }
  expect(killedAt.map((step) => Math.floor(step / 250))).toEqual([0, 1, 2, 3]);
  expect(events.slice(0, 4)).toEqual(["kill", "told", "start", "told"]);
  expect(events).toHaveLength(16);
});

test("lets the server live when no kill is wanted", async () => {
  const { schedule, events } = scheduleOf(0);
  for (let step = 0; step < 1_000; step++) schedule.step();
  await schedule.over();
  expect(events).toEqual([]);
});

test("tells when the server does not start again", async () => {
  const { schedule, events } = scheduleOf(1, () => Promise.reject(new Error("no port")));
  for (let step = 0; step < 1_000; step++) schedule.step();
  await schedule.over();
  expect(events).toEqual(["kill", "told", "Error: no port"]);
});
