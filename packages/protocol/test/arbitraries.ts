import fc from "fast-check";
import { type JsonValue } from "../src/data.js";
import { type FrameType } from "../src/frame.js";
import { isId, utf8Length } from "../src/ids.js";
import { LIMITS } from "../src/limits.js";
import { fitsCharacters } from "../src/text.js";
import { parseWire, type WireField, type WireType } from "./wire-type.js";

/** Any string without lone surrogates: ASCII, controls, astral characters. */
export const wellFormed = (maxLength?: number): fc.Arbitrary<string> =>
  fc.string({ unit: "binary", ...(maxLength === undefined ? {} : { maxLength }) });

/** Any string of UTF-16 code units, halves of surrogate pairs too. */
export const anyUnits = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })), {
    maxLength: 40,
  })
  .map((units) => String.fromCharCode(...units));

const uint = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

/** A canonical UUID of any version. */
export const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
);

const id = fc.oneof(
  uuid,
  fc.constantFrom("ana", "order-4711", "名前", "x".repeat(LIMITS.idBytes)),
  wellFormed(40).filter(isId),
);

const json = fc.letrec<{ value: JsonValue; object: Record<string, JsonValue> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: LIMITS.dataDepth - 2, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), wellFormed(12), fc.integer()),
    // msgpack has no −0: it writes 0, as JSON does.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: fc.dictionary(
    wellFormed(8).filter((key) => key !== "__proto__"),
    tie("value"),
    { maxKeys: 4, noNullPrototype: true },
  ),
}));

function ofType(type: WireType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "uint":
    case "step":
      return uint;
    case "bool":
      return fc.boolean();
    case "id":
      return id;
    case "uuid":
      return uuid;
    case "text":
      return wellFormed(60).filter((value) => fitsCharacters(value, type.max));
    case "string":
      return wellFormed(60).filter((value) => utf8Length(value) <= type.max);
    case "data":
      return json.object.filter((value) => utf8Length(JSON.stringify(value)) <= type.max);
    case "oneOf":
      return fc.constantFrom(...type.words);
    case "list":
      return fc.array(ofType(type.item), { maxLength: Math.min(type.max, 4) });
    case "struct":
      return ofFields(type.fields);
  }
}

function ofFields(fields: readonly WireField[]): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(fields.map(({ name, type }) => [name, ofType(type)])), {
    requiredKeys: fields.filter(({ optional }) => !optional).map(({ name }) => name),
    noNullPrototype: true,
  });
}

/** The fields of a frame, read from the description of the wire. */
export function fieldsOf({ shape }: FrameType): WireField[] {
  return Object.entries(shape).map(([name, { wire }]) => ({ name, ...parseWire(wire) }));
}

/** Any frame of a type. */
export function frameArbitrary<F extends { type: string }>(type: FrameType): fc.Arbitrary<F> {
  return ofFields(fieldsOf(type)).map((fields) => ({ type: type.name, ...fields }) as unknown as F);
}

/** What one value takes of the limits of a frame. */
export interface Size {
  readonly bytes: number;
  readonly nodes: number;
  readonly depth: number;
}

/** The size of the largest value of a type. */
export function largest(type: WireType): Size {
  const leaf = (bytes: number): Size => ({ bytes, nodes: 1, depth: 0 });
  switch (type.kind) {
    case "bool":
    case "oneOf":
      return leaf(1);
    case "uint":
    case "step":
      return leaf(9);
    case "uuid":
      return leaf(18);
    case "id":
      return leaf(2 + LIMITS.idBytes);
    case "text":
      return leaf(5 + 4 * type.max);
    case "string":
      return leaf(5 + type.max);
    case "data":
      // The worst that msgpack does to JSON: `0.5,` becomes a float of 9 bytes. The most values: `0,0,0…`.
      return { bytes: 5 + Math.ceil((type.max * 9) / 4), nodes: 1 + type.max / 2, depth: LIMITS.dataDepth };
    case "list": {
      const item = largest(type.item);
      return { bytes: 5 + type.max * item.bytes, nodes: 1 + type.max * item.nodes, depth: 1 + item.depth };
    }
    case "struct": {
      const fields = type.fields.map((field) => largest(field.type));
      const sum = (of: (size: Size) => number): number => fields.reduce((total, size) => total + of(size), 0);
      return {
        bytes: 3 + sum(({ bytes }) => bytes),
        nodes: 1 + sum(({ nodes }) => nodes),
        depth: 1 + Math.max(...fields.map(({ depth }) => depth)),
      };
    }
  }
}
