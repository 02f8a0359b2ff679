import { describe, expect, it } from "vitest";
import { nodeRuntime, watchEventLoop } from "../src/node-runtime.js";

const { nextTurn } = nodeRuntime().clock;
const nextImmediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the end of a turn", () => {
  it("runs what its own work brings about before the network is looked at again", async () => {
    const events: string[] = [];
    nextTurn(() => {
      events.push("a");
      // What a promise of the round asks for, however many promises later, is the next round.
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => nextTurn(() => events.push("c")));
    });
    nextTurn(() => events.push("b"));
    await nextImmediate();
    expect(events).toEqual(["a", "b", "c"]);
  });

  it("lets the network have its turn after some rounds", async () => {
    let rounds = 0;
    const again = (): void => {
      if (++rounds < 1_000) nextTurn(again);
    };
    nextTurn(again);
    await nextImmediate();
    expect(rounds).toBeGreaterThan(1);
    expect(rounds).toBeLessThan(20);
    while (rounds < 1_000) await nextImmediate();
  });

  it("goes on after it was over", async () => {
    const events: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      nextTurn(() => events.push(turn));
      await nextImmediate();
      await nextImmediate();
    }
    expect(events).toEqual([0, 1, 2]);
  });
});

describe("the watch over the event loop", () => {
  it("sees a stall between two reports, and tells of it once", async () => {
    const watch = watchEventLoop();
    const samples = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));
    let worst = 0;
    // A stall is told by the samples before and behind it: on a busy machine there may once be none yet.
    while (worst < 100) {
      await samples();
      for (const end = performance.now() + 150; performance.now() < end;);
      await samples();
      worst = watch.worst();
    }
    expect(watch.worst()).toBeLessThan(worst);
    watch.end();
  });
});
