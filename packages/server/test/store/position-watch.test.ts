import { expect, it } from "vitest";
import { PositionWatch } from "../../src/store/sql/position-watch.js";
import { VirtualClock } from "../virtual-clock.js";

/** An engine of which nothing but the newest change number is asked, and a listener that reads the feed as a server does. */
function watched() {
  const clock = new VirtualClock();
  const engine = { position: 0, reads: 0, isAway: false };
  const watch = new PositionWatch({
    runtime: clock.runtime,
    read: <Row>() => {
      engine.reads++;
      if (engine.isAway) return Promise.reject(new Error("away"));
      return Promise.resolve([{ position: engine.position }] as Row[]);
    },
  });
  const found: number[] = [];
  let calls = 0;
  const cancel = watch.add(() => {
    calls++;
    found.push(engine.position);
    watch.told(engine.position);
  });
  /** The next look, after so many changes. */
  async function look(changes: number): Promise<{ reads: number; calls: number }> {
    const before = { reads: engine.reads, calls };
    engine.position += changes;
    clock.advance(100);
    await clock.settle();
    return { reads: engine.reads - before.reads, calls: calls - before.calls };
  }
  return { clock, engine, watch, look, cancel, found };
}

it("calls back at each look while something is written, and reads nothing for it but the first time", async () => {
  const { clock, look, found } = watched();
  await clock.settle();
  await look(0);
  expect(await look(0)).toEqual({ reads: 1, calls: 0 });
  expect(await look(3)).toEqual({ reads: 1, calls: 1 });
  for (let more = 0; more < 5; more++) expect(await look(2)).toEqual({ reads: 0, calls: 1 });
  expect(found[found.length - 1]).toBe(13);
});

it("goes back to one read a look once nothing is written", async () => {
  const { clock, look } = watched();
  await clock.settle();
  await look(0);
  await look(1);
  // Most likely there is more; there is not.
  expect(await look(0)).toEqual({ reads: 0, calls: 1 });
  for (let more = 0; more < 3; more++) expect(await look(0)).toEqual({ reads: 1, calls: 0 });
  expect(await look(1)).toEqual({ reads: 1, calls: 1 });
});

it("swallows no news that another one has read from the feed, and misses none for one that reads no feed", async () => {
  const { clock, engine, watch, look } = watched();
  await clock.settle();
  await look(0);
  await look(0);
  // Somebody who was not called has read the feed.
  engine.position++;
  watch.told(engine.position);
  expect(await look(0)).toEqual({ reads: 0, calls: 1 });

  const silent = watched();
  silent.watch.told = () => {};
  await silent.clock.settle();
  for (let more = 0; more < 6; more++) expect(await silent.look(1)).toMatchObject({ calls: 1 });
});

it("asks an engine that is away once a look, and calls when it is back with news", async () => {
  const { clock, engine, look } = watched();
  await clock.settle();
  await look(0);
  await look(0);
  engine.isAway = true;
  for (let more = 0; more < 3; more++) expect(await look(1)).toEqual({ reads: 1, calls: 0 });
  engine.isAway = false;
  expect(await look(0)).toEqual({ reads: 1, calls: 1 });
});
