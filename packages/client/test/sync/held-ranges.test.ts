import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HeldRange } from "../../src/cache/cache.js";
import { addSpan, curMax, truncateRanges } from "../../src/sync/held-ranges.js";

const span = fc.tuple(fc.nat(40), fc.nat(12)).map(([after, length]) => ({ after, through: after + length }));
const spans = fc.array(span, { maxLength: 12 });

function rangesOf(added: readonly { after: number; through: number }[]): readonly HeldRange[] {
  return added.reduce<readonly HeldRange[]>((ranges, next) => addSpan(ranges, next), []);
}

function idsOf(ranges: readonly HeldRange[]): number[] {
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

describe("held ranges", () => {
  test("are the union of the spans: ascending, disjoint, never touching", () => {
    fc.assert(
      fc.property(spans, (added) => {
        const ranges = rangesOf(added);
        const expected = new Set<number>();
        for (const { after, through } of added)
          for (let id = after + 1; id <= through; id++) expected.add(id);
        expect(idsOf(ranges)).toEqual([...expected].sort((a, b) => a - b));
        for (const [index, { from }] of ranges.entries()) {
          if (index > 0) expect(from).toBeGreaterThan(ranges[index - 1]!.to + 1);
        }
        expect(curMax(ranges)).toBe(Math.max(0, ...expected));
      }),
    );
  });

  test("are the same array when a span brings nothing new", () => {
    fc.assert(
      fc.property(spans, span, (added, again) => {
        const ranges = addSpan(rangesOf(added), again);
        expect(addSpan(ranges, again)).toBe(ranges);
        expect(addSpan(ranges, { after: again.after, through: again.after })).toBe(ranges);
      }),
    );
  });

  test("do not depend on the order of the spans", () => {
    fc.assert(
      fc.property(spans, (added) => {
        expect(rangesOf([...added].reverse())).toEqual(rangesOf(added));
      }),
    );
  });

  test("cut above an id hold what they held below it", () => {
    fc.assert(
      fc.property(spans, fc.nat(50), (added, above) => {
        const ranges = rangesOf(added);
        expect(idsOf(truncateRanges(ranges, above))).toEqual(idsOf(ranges).filter((id) => id <= above));
      }),
    );
  });
});
