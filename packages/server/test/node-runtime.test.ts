import { describe, expect, it } from "vitest";
import { nodeRuntime } from "../src/node-runtime.js";

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
