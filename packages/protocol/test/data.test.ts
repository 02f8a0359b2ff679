import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertData } from "../src/data.js";
import { LIMITS } from "../src/limits.js";

const nested = (levels: number): unknown => (levels === 1 ? {} : { a: nested(levels - 1) });
const nestedArrays = (levels: number): unknown => (levels === 0 ? 1 : [nestedArrays(levels - 1)]);

function refused(value: unknown, why: string, maxBytes?: number): void {
  expect(() => assertData(value, maxBytes)).toThrow(
    expect.objectContaining({
      code: "data_invalid",
      message: expect.stringContaining(why) as string,
    }) as Error,
  );
}

describe("assertData", () => {
  it.each<[string, unknown]>([
    ["an empty object", {}],
    ["every JSON type", { a: null, b: true, c: -1.5e300, d: "é😀", e: [1, [2]], f: { g: {} } }],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["the keys that objects have anyway", { constructor: 1, toString: 2, hasOwnProperty: 3 }],
    ["8 levels of objects", nested(LIMITS.dataDepth)],
    ["an object and 7 levels of arrays", { a: nestedArrays(LIMITS.dataDepth - 1) }],
  ])("takes %s", (_, value) => {
    expect(() => assertData(value)).not.toThrow();
  });

  it("takes whatever JSON.parse gives, up to the limits", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: LIMITS.dataDepth - 1 }), (value) => {
        const data = { value };
        const hasProto = /"__proto__":/.test(JSON.stringify(data));
        const bytes = new TextEncoder().encode(JSON.stringify(data)).length;
        const check = (): void => assertData(data);
        if (hasProto || bytes > LIMITS.dataBytes) expect(check).toThrow();
        else expect(check).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, unknown, string]>([
    ["undefined", undefined, "not an object"],
    ["null", null, "not an object"],
    ["a string", "{}", "not an object"],
    ["a number", 1, "not an object"],
    ["an array", [], "not an object"],
    ["a function", () => {}, "not an object"],
    ["a Date", new Date(0), "not plain"],
    ["a Map", new Map(), "not plain"],
    ["a boxed string", { a: Object("x") as unknown }, "not plain"],
    ["an instance of a class", new (class Point {})(), "not plain"],
    ["binary", { a: new Uint8Array(2) }, "not plain"],
    ["undefined inside", { a: undefined }, "undefined"],
    ["a hole in an array", { a: new Array<number>(1) }, "undefined"],
    ["a function inside", { toJSON: () => ({}) }, "function"],
    ["a symbol inside", { a: Symbol("a") }, "symbol"],
    ["a bigint", { a: 1n }, "bigint"],
    ["NaN", { a: Number.NaN }, "not finite"],
    ["Infinity", { a: [-Infinity] }, "not finite"],
    ["a lone surrogate in a value", { a: "\ud800" }, "surrogate"],
    ["a lone surrogate in a key", { "\udc00": 1 }, "surrogate"],
    ["__proto__ as a key", JSON.parse('{"__proto__":{"admin":true}}'), "__proto__"],
    ["__proto__ as a key below", { a: [JSON.parse('{"__proto__":1}')] }, "__proto__"],
    ["9 levels of objects", nested(LIMITS.dataDepth + 1), "deeper than 8"],
    ["an object and 8 levels of arrays", { a: nestedArrays(LIMITS.dataDepth) }, "deeper than 8"],
  ])("refuses %s", (_, value, why) => {
    refused(value, why);
  });

  it("refuses a cycle, and nesting that would exhaust the stack", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    refused(cycle, "deeper");
    refused(nested(5_000), "deeper");
  });

  it("counts UTF-8 bytes of compact JSON", () => {
    const overhead = '{"a":""}'.length;
    expect(() => assertData({ a: "x".repeat(LIMITS.dataBytes - overhead) })).not.toThrow();
    refused({ a: "x".repeat(LIMITS.dataBytes - overhead + 1) }, "larger than 4096");
    expect(() => assertData({ a: "é" }, overhead + 2)).not.toThrow();
    refused({ a: "é" }, "larger", overhead + 1);
    refused({ a: '"' }, "larger", overhead + 1);
  });
});
