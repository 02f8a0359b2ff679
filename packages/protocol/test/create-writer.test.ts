import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWriter } from "../src/create-writer.js";
import { anyUnits, wellFormed } from "./arbitraries.js";

const write = createWriter();

/** Anything that a frame may be made of. */
const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 8, depthSize: "medium" },
    fc.oneof(fc.constantFrom(null, undefined, true, false), fc.integer(), fc.maxSafeInteger(), fc.double()),
    fc.oneof(wellFormed(), fc.string({ minLength: 250, maxLength: 260 })),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(wellFormed(), tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;

describe("createWriter", () => {
  it("writes, byte by byte, what another encoder writes", () => {
    fc.assert(
      fc.property(value, (item) => {
        expect(write(item)).toEqual(encode(item, { ignoreUndefined: true }));
      }),
      { numRuns: 500 },
    );
  });

  it("writes every number in its shortest form, on both sides of where that changes", () => {
    for (const edge of [0, 0x20, 0x80, 0x100, 0x8000, 0x10000, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53]) {
      for (const near of [edge - 1, edge, edge + 1, edge + 0.5]) {
        for (const number of [near, -near]) expect(write(number), String(number)).toEqual(encode(number));
      }
    }
    for (const number of [NaN, Infinity, -Infinity, -0, 1e300]) expect(write(number)).toEqual(encode(number));
  });

  it.each([15, 16, 31, 32, 255, 256, 65_535, 65_536])("writes %i of everything", (count) => {
    const keys = Array.from({ length: count }, (_, index) => [String(index), index]);
    for (const item of [
      "a".repeat(count),
      "é".repeat(count),
      new Uint8Array(count),
      new Array<number>(count).fill(7),
      Object.fromEntries(keys) as unknown,
    ]) {
      expect(Buffer.compare(write(item), encode(item))).toBe(0);
    }
  });

  it("writes U+FFFD for half a pair", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(anyUnits, (text) => {
        expect(write(text)).toEqual(encode(new TextDecoder().decode(encoder.encode(text))));
      }),
    );
  });

  it("gives bytes of their own, which the next value does not change", () => {
    const first = write(["first", new Uint8Array(3_000)]);
    const copy = first.slice();
    write(["other", new Uint8Array(5_000).fill(1)]);
    expect(first).toEqual(copy);
    expect(decode(first)).toEqual(["first", new Uint8Array(3_000)]);
  });
});
