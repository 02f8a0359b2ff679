import { describe, expect, it } from "vitest";
import { defineFrame, frameFromArray, frameToArray } from "../src/frame.js";
import * as schema from "../src/schema.js";

const UUID = "0123abcd-4567-89ef-8000-00ff10fe01a0";
const UUID_BYTES = Uint8Array.from(Buffer.from(UUID.replaceAll("-", ""), "hex"));

const sample = defineFrame(7, "sample", {
  requestId: schema.uint,
  a: schema.optional(schema.uint),
  b: schema.optional(schema.string(10)),
  c: schema.optional(schema.bool),
});

describe("a frame as an array", () => {
  it("begins with its code", () => {
    expect(frameToArray(sample, { requestId: 1, a: 2, b: "x", c: false })).toEqual([7, 1, 2, "x", false]);
  });

  it("leaves out absent fields at the end, and only there", () => {
    expect(frameToArray(sample, { requestId: 1 })).toEqual([7, 1]);
    expect(frameToArray(sample, { requestId: 1, a: 2 })).toEqual([7, 1, 2]);
    expect(frameToArray(sample, { requestId: 1, b: "x", c: undefined })).toEqual([7, 1, null, "x"]);
    expect(frameToArray(sample, { requestId: 1, c: false })).toEqual([7, 1, null, null, false]);
  });

  it("is read with nil, with nothing, and with more than is known", () => {
    expect(frameFromArray(sample, [7, 1])).toStrictEqual({ type: "sample", requestId: 1 });
    expect(frameFromArray(sample, [7, 1, null, null, null])).toStrictEqual({ type: "sample", requestId: 1 });
    expect(frameFromArray(sample, [7, 1, null, "x"])).toStrictEqual({ type: "sample", requestId: 1, b: "x" });
    expect(frameFromArray(sample, [7, 1, null, null, false, "new", {}])).toStrictEqual({
      type: "sample",
      requestId: 1,
      c: false,
    });
  });

  it("is refused without a required field, by name", () => {
    expect(() => frameFromArray(sample, [7])).toThrow("sample.requestId must be present");
    expect(() => frameFromArray(sample, [7, null, 2])).toThrow("sample.requestId must be present");
  });

  it("says where a rule is broken", () => {
    const deep = defineFrame(8, "deep", {
      rows: schema.list(schema.struct({ id: schema.id, n: schema.uint }), 3),
    });
    expect(() =>
      frameFromArray(deep, [
        8,
        [
          ["a", 1],
          ["b", -1],
        ],
      ]),
    ).toThrow("deep.rows[1].n must be uint");
    expect(() => frameFromArray(deep, [8, [["a", 1], []]])).toThrow("deep.rows[1].id must be present");
  });
});

describe("a run of structs", () => {
  const walk = defineFrame(9, "walk", {
    places: schema.run(
      { n: schema.step, who: schema.repeated(schema.id), note: schema.optional(schema.bool) },
      3,
    ),
    last: schema.derivable(
      schema.uint,
      ({ places }: { readonly places: readonly { readonly n: number }[] }) => places.at(-1)?.n,
    ),
  });
  const places = [
    { n: 500, who: "ana" },
    { n: 501, who: "ana", note: true },
    { n: 400, who: "bo" },
  ];

  it("refuses a step that is no number, whatever it is", () => {
    for (const step of ["1", Object.create(null), { valueOf: 1 }, [1]]) {
      const array = [
        9,
        [
          [500, "ana"],
          [step, null],
        ],
      ];
      expect(() => frameFromArray(walk, array)).toThrow("walk.places[1].n must be uint");
    }
  });

  it("tells each by what differs from the one before", () => {
    const array = [
      9,
      [
        [500, "ana"],
        [1, null, true],
        [-101, "bo"],
      ],
    ];
    expect(frameToArray(walk, { places, last: 400 })).toEqual(array);
    expect(frameFromArray(walk, array)).toStrictEqual({ type: "walk", places, last: 400 });
  });

  it("says what can't be derived, and may say what can", () => {
    expect(frameToArray(walk, { places, last: 401 })).toHaveLength(3);
    expect(frameFromArray(walk, [9, [[1, "bo"]], 7])).toStrictEqual({
      type: "walk",
      places: [{ n: 1, who: "bo" }],
      last: 7,
    });
    expect(frameFromArray(walk, [9, [[1, "bo"]], 1])).toHaveProperty("last", 1);
    expect(() => frameFromArray(walk, [9, []])).toThrow("walk.last must be present");
  });

  it("is refused where a sum is no uint, or nothing is there to repeat", () => {
    expect(() => frameFromArray(walk, [9, [[1, "bo"], [-2]]])).toThrow("walk.places[1].n must be uint");
    expect(() => frameFromArray(walk, [9, [[1, "bo"], ["1"]]])).toThrow("walk.places[1].n must be uint");
    expect(() => frameFromArray(walk, [9, [[1]]])).toThrow("walk.places[0].who must be present");
    expect(() => frameFromArray(walk, [9, [[1, "bo"], 2]])).toThrow("walk.places[1] must be an array");
  });
});

interface Rule {
  readonly field: schema.Field<unknown>;
  /** Values, and what they are on the wire. */
  readonly good: readonly (readonly [value: unknown, wire: unknown])[];
  /** What the wire may not hold. */
  readonly bad: readonly unknown[];
}

const word = schema.oneOf(["red", "green"]);
const rules: Record<string, Rule> = {
  uint: {
    field: schema.uint,
    good: [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER].map((value) => [value, value]),
    bad: [-1, 1.5, 2 ** 53, Number.NaN, Infinity, "1", true, 1n, [1], {}],
  },
  bool: { field: schema.bool, good: [true, false].map((value) => [value, value]), bad: [0, 1, "true", []] },
  text: {
    field: schema.text(3),
    good: ["", "abc", "😀😀😀", "\u0000"].map((value) => [value, value]),
    bad: ["abcd", "😀😀😀a", "\ud800", "a\udc00", 1, new Uint8Array(1), ["a"]],
  },
  string: {
    field: schema.string(4),
    good: ["", "abcd", "éé", "😀"].map((value) => [value, value]),
    bad: ["abcde", "éée", "😀a", "\ud800", 1, new Uint8Array(1)],
  },
  id: {
    field: schema.id,
    good: [
      ["ana", "ana"],
      [UUID, UUID_BYTES],
      [UUID.toUpperCase(), UUID.toUpperCase()],
      ["x".repeat(128), "x".repeat(128)],
    ],
    bad: [UUID, "", "x".repeat(129), "a\n", "\ud800", new Uint8Array(15), new Uint8Array(17), 1, {}],
  },
  uuid: {
    field: schema.uuid,
    good: [[UUID, UUID_BYTES]],
    bad: [UUID, new Uint8Array(15), new Uint8Array(17), "0123456789abcdef", Array.from(UUID_BYTES), 1],
  },
  data: {
    field: schema.data(20),
    good: [{}, { a: [1, null] }, { a: "x".repeat(12) }].map((value) => [value, value]),
    bad: [
      [],
      "{}",
      1,
      { a: "x".repeat(13) },
      { a: new Uint8Array(1) },
      { a: Infinity },
      { a: "\ud800" },
      { a: 1n },
    ],
  },
  oneOf: {
    field: word,
    good: [
      ["red", 0],
      ["green", 1],
    ],
    bad: [2, -1, 0.5, "red", "0", "length", true, []],
  },
  list: {
    field: schema.list(word, 2),
    good: [
      [[], []],
      [
        ["green", "red"],
        [1, 0],
      ],
    ],
    bad: [[0, 0, 0], [2], ["red"], {}, "aa", 2, [null]],
  },
  struct: {
    field: schema.struct({ id: schema.id, n: schema.optional(schema.uint) }),
    good: [
      [{ id: "a" }, ["a"]],
      [{ id: UUID, n: 1 }, [UUID_BYTES, 1]],
    ],
    bad: [[], [null, 1], ["a", -1], [1], { id: "a" }, "a"],
  },
};

describe.each(Object.entries(rules))("a field of type %s", (name, { field, good, bad }) => {
  it.each(good.map(([value, wire]) => ({ value, wire })))("carries $value as $wire", ({ value, wire }) => {
    expect(field.encode(value)).toEqual(wire);
    expect(field.decode(wire, name)).toEqual(value);
  });

  it.each(bad.map((wire) => ({ wire })))("refuses $wire", ({ wire }) => {
    expect(() => field.decode(wire, "path")).toThrow(schema.SchemaViolation);
    expect(() => field.decode(wire, "path")).toThrow(/^path.* must be /);
  });

  it("is the same when optional, and says so", () => {
    const optional = schema.optional(field);
    expect(optional.wire).toBe(`${field.wire}, optional`);
    expect(optional.encode(good[0]![0])).toEqual(good[0]![1]);
    expect(optional.decode(good[0]![1], name)).toEqual(good[0]![0]);
    expect(() => optional.decode(bad[0], "path")).toThrow(schema.SchemaViolation);
  });
});

describe("a struct", () => {
  it("leaves out absent fields at the end, and ignores elements that it does not know", () => {
    const struct = schema.struct({
      a: schema.uint,
      b: schema.optional(schema.uint),
      c: schema.optional(schema.uint),
    });
    expect(struct.encode({ a: 1 })).toEqual([1]);
    expect(struct.encode({ a: 1, c: 3 })).toEqual([1, null, 3]);
    expect(struct.decode([1, null, 3, "new"], "s")).toStrictEqual({ a: 1, c: 3 });
  });
});
