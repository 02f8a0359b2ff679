import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyedTokenBuckets, TokenBucket } from "../../src/admission/token-bucket.js";
import { VirtualClock } from "../virtual-clock.js";

describe("a token bucket", () => {
  it("does what a counter that is filled up as time goes by does", () => {
    const step = fc.record({
      pause: fc.integer({ min: 0, max: 3_000 }),
      tokens: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(step),
        (burst, rate, steps) => {
          const clock = new VirtualClock();
          // In thousandths, so that the model knows no rounding.
          let level = burst * 1_000;
          const bucket = new TokenBucket(clock.runtime.clock, { burst, perSecond: rate });
          for (const { pause, tokens } of steps) {
            clock.advance(pause);
            level = Math.min(burst * 1_000, level + pause * rate);
            const cost = Math.min(tokens, burst) * 1_000;
            // At the very border, either rounding is right.
            if (Math.abs(level - cost) < 0.01) return;
            const taken = bucket.take(tokens) === 0;
            expect(taken).toBe(level >= cost);
            if (taken) level -= cost;
          }
        },
      ),
    );
  });

  it("says when it is worth while to come back, and keeps its word", () => {
    const clock = new VirtualClock();
    const bucket = new TokenBucket(clock.runtime.clock, { burst: 100, perSecond: 10 });
    expect(bucket.take(100)).toBe(0);
    expect(bucket.take()).toBe(1_000);
    clock.advance(1_000);
    expect(Array.from({ length: 11 }, () => bucket.take()).map((wait) => wait === 0)).toEqual([
      ...Array.from({ length: 10 }, () => true),
      false,
    ]);
  });

  it("keeps the buckets of keys apart, and forgets the full ones", () => {
    const clock = new VirtualClock();
    const buckets = new KeyedTokenBuckets(clock.runtime.clock, { burst: 1, perSecond: 1 }, 1_000);
    for (let key = 0; key < 500; key++) expect(buckets.take(`${key}`)).toBe(0);
    expect(buckets.take("7")).toBeGreaterThan(0);
    clock.advance(5_000);
    for (let key = 0; key < 400; key++) buckets.take("still here" + key);
    expect(buckets.size).toBe(400);
  });

  it("never holds more than it was told to", () => {
    const clock = new VirtualClock();
    const buckets = new KeyedTokenBuckets(clock.runtime.clock, { burst: 1, perSecond: 0.001 }, 100);
    for (let key = 0; key < 10_000; key++) buckets.take(`${key}`);
    expect(buckets.size).toBe(100);
    expect(buckets.take("9999")).toBeGreaterThan(0);
  });
});
