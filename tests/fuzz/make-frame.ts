import { LIMITS } from "@chat/protocol";
import type { FrameType } from "../../packages/protocol/src/frame.js";
import { isUuid, uuidToBytes } from "../../packages/protocol/src/ids.js";
import { parseWire, type WireField, type WireType } from "../../packages/protocol/test/wire-type.js";
import type { SeededRandom } from "../replay/seeded-random.js";
import type { KnownValues } from "./known-values.js";
import { RawBytes, writeMsgpack } from "./write-msgpack.js";

/** What a frame is made with. */
export interface FrameMaker {
  readonly random: SeededRandom;
  readonly known: KnownValues;
  /** How likely each value breaks its rule. */
  readonly wrong: number;
}

const STRINGS = [
  "",
  "a",
  "ana",
  "名前",
  "\u0000",
  "x".repeat(128),
  "x".repeat(129),
  "__proto__",
  "constructor",
  "😀",
];
const UINTS = [0, 1, 2, 127, 128, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2];
/** Values that no field of the wire takes, and bytes that are no value at all. */
const HOSTILE: readonly unknown[] = [
  null,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  2 ** 63,
  "\ufeff",
  {},
  [],
  { ["__proto__"]: { polluted: true } },
  { constructor: { prototype: { polluted: true } } },
  { toString: 1, then: 1 },
  new Uint8Array(16),
  new Uint8Array(15),
  new RawBytes(Uint8Array.of(0xc1)),
  // An encoded surrogate, an overlong form, a cut sequence.
  new RawBytes(Uint8Array.of(0xa3, 0xed, 0xa0, 0x80)),
  new RawBytes(Uint8Array.of(0xa2, 0xc0, 0x80)),
  new RawBytes(Uint8Array.of(0xa1, 0xf0)),
  // An extension, a timestamp.
  new RawBytes(Uint8Array.of(0xd4, 1, 0)),
  new RawBytes(Uint8Array.of(0xd6, 0xff, 0, 0, 0, 1)),
  // Claims of 2^32 elements, and of a string longer than the message.
  new RawBytes(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)),
  new RawBytes(Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff)),
  new RawBytes(Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)),
  // A map whose keys are numbers.
  new RawBytes(Uint8Array.of(0x81, 1, 1)),
];

/** One value of a type, or (with `wrong`) something near it, or something else altogether. */
function valueOf(type: WireType, maker: FrameMaker): unknown {
  const { random, known, wrong } = maker;
  if (random.chance(wrong)) return hostileValue(random);
  /** One above the limit, when values are to be wrong. */
  const beyond = random.chance(wrong) ? 1 : 0;
  switch (type.kind) {
    case "step":
      return random.integer(4);
    case "uint":
      return random.chance(0.7)
        ? known.uints[random.integer(known.uints.length)]!
        : UINTS[random.integer(UINTS.length)]!;
    case "bool":
      return random.chance(0.5);
    case "id": {
      const id = known.any(random, known.ids, () => known.uuid(random));
      // With the string form of a UUID, which is a second spelling, now and then.
      return isUuid(id) && !random.chance(wrong) ? uuidToBytes(id) : id;
    }
    case "uuid":
      return uuidToBytes(known.uuid(random));
    case "text":
    case "string":
      if (type.kind === "string" && random.chance(0.5) && known.strings.length > 0)
        return known.strings[random.integer(known.strings.length)]!;
      if (random.chance(0.03)) return "x".repeat(Math.min(type.max, 100_000) + beyond);
      return STRINGS[random.integer(STRINGS.length)]!;
    case "data":
      return dataOf(random, random.chance(0.05) ? LIMITS.dataDepth + beyond : 2);
    case "oneOf":
      return random.integer(type.words.length) + (beyond && type.words.length);
    case "list": {
      const length = random.chance(0.02) ? type.max + beyond : random.integer(Math.min(type.max, 4) + 1);
      return Array.from({ length }, () => valueOf(type.item, maker));
    }
    case "struct":
      return type.fields.map((field) =>
        field.optional && random.chance(0.4) ? null : valueOf(field.type, maker),
      );
  }
}

function dataOf(random: SeededRandom, depth: number): unknown {
  const leaves = [null, true, 1, -1, 1.5, "x", "\u2028"];
  const inner = depth > 1 ? dataOf(random, depth - 1) : leaves[random.integer(leaves.length)];
  return { a: inner, b: [leaves[random.integer(leaves.length)]] };
}

/** Something that fits nowhere. */
export function hostileValue(random: SeededRandom): unknown {
  return random.chance(0.05) ? nested(random.integer(2_000)) : HOSTILE[random.integer(HOSTILE.length)];
}

function nested(levels: number): RawBytes {
  return new RawBytes(new Uint8Array(levels + 1).fill(0x91).fill(0xc0, levels));
}

const shapes = new WeakMap<FrameType, readonly WireField[]>();

function fieldsOf(type: FrameType): readonly WireField[] {
  let fields = shapes.get(type);
  if (fields === undefined) {
    fields = Object.entries(type.shape).map(([name, { wire }]) => ({ name, ...parseWire(wire) }));
    shapes.set(type, fields);
  }
  return fields;
}

/** The fields of a frame, in wire order. `given` are put where they belong, whatever else is wrong. */
export function makeFrame(
  type: FrameType,
  maker: FrameMaker,
  given: Readonly<Record<string, unknown>> = {},
): Uint8Array {
  const { random, wrong } = maker;
  const values: unknown[] = [type.code];
  for (const { name, type: fieldType, optional } of fieldsOf(type)) {
    if (name in given) values.push(given[name]);
    else if (optional && random.chance(0.5)) values.push(null);
    else values.push(valueOf(fieldType, maker));
  }
  // A newer peer's fields; fields that are missing.
  if (random.chance(0.02)) values.push("newer", [1]);
  if (random.chance(wrong)) values.length = random.integer(values.length + 1);
  return writeMsgpack(values, random);
}
