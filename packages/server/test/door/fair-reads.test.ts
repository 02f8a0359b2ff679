import { describe, expect, it } from "vitest";
import { FairReads } from "../../src/admission/fair-reads.js";
import { VirtualClock } from "../virtual-clock.js";

/** Reads that take so many ms of the event loop each, and tell when they begin. */
function fixture(cost: number): {
  clock: VirtualClock;
  begun: string[];
  ask(userId: string, count?: number): Promise<void>[];
} {
  const clock = new VirtualClock();
  const reads = new FairReads(clock.runtime.clock);
  const begun: string[] = [];
  const ask = (userId: string, count = 1): Promise<void>[] =>
    Array.from({ length: count }, () =>
      reads.run(userId, async () => {
        begun.push(userId);
        await Promise.resolve();
        clock.advance(cost);
      }),
    );
  return { clock, begun, ask };
}

describe("reads", () => {
  it("stop after two milliseconds until the event loop has looked at everything else", async () => {
    const { clock, begun, ask } = fixture(1);
    const all = ask("eve", 100);
    let before = 0;
    while (begun.length < 100) {
      await clock.settle();
      expect(begun.length - before).toBeGreaterThan(0);
      // Two milliseconds, and what was under way then.
      expect(begun.length - before).toBeLessThanOrEqual(8);
      before = begun.length;
      await clock.settle();
      expect(begun).toHaveLength(before);
      clock.advance(0);
    }
    await Promise.all(all);
  });

  it("do not stop as long as they cost nothing, however many they are", async () => {
    const { begun, ask } = fixture(0);
    await Promise.all(ask("eve", 10_000));
    expect(begun).toHaveLength(10_000);
  });

  it("of one user wait behind few of another's", async () => {
    const { clock, begun, ask } = fixture(10);
    const eve = ask("eve", 100);
    const ana = ask("ana");
    const isDone = Promise.all(ana).then(() => true);
    for (let slice = 0; slice < 3; slice++) {
      clock.advance(0);
      await clock.settle();
    }
    expect(await Promise.race([isDone, Promise.resolve(false)])).toBe(true);
    expect(begun.filter((userId) => userId === "eve").length).toBeLessThanOrEqual(12);
    while (begun.length < 101) {
      clock.advance(0);
      await clock.settle();
    }
    await Promise.all(eve);
  });

  it("that wait for a slow store hold up nobody else's", async () => {
    const reads = new FairReads(new VirtualClock().runtime.clock);
    let begun = 0;
    let answer = (): void => {};
    const slow = new Promise<void>((resolve) => (answer = resolve));
    const eve = Array.from({ length: 20 }, () => reads.run("eve", () => (begun++, slow)));
    expect(await reads.run("ana", () => Promise.resolve("read"))).toBe("read");
    expect(begun).toBe(4);
    answer();
    await Promise.all(eve);
    expect(begun).toBe(20);
  });

  it("that fail, fail alone", async () => {
    const reads = new FairReads(new VirtualClock().runtime.clock);
    const failing = reads.run("ana", () => Promise.reject(new Error("broken")));
    const fine = reads.run("ana", () => Promise.resolve("read"));
    await expect(failing).rejects.toThrow("broken");
    expect(await fine).toBe("read");
  });
});
