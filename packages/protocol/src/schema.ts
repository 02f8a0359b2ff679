import { assertData, type JsonObject } from "./data.js";
import { isId, isUuid, utf8Length, uuidFromBytes, uuidToBytes } from "./ids.js";
import { fitsCharacters, isWellFormed } from "./text.js";

/** A field that breaks its rule. The codec turns it into a typed `malformed_frame`. */
export class SchemaViolation extends Error {
  constructor(
    readonly path: string,
    readonly rule: string,
  ) {
    super(`${path} must be ${rule}`);
  }
}

/**
 * How one field travels. `wire` is the description that docs/protocol.md and the test of the wire's shape use.
 * `encode` trusts its caller; `decode` trusts nobody and throws {@link SchemaViolation}.
 */
export interface Field<T> {
  readonly wire: string;
  readonly optional?: true;
  /** How a {@link run} shortens the field; alone it travels as it is. */
  readonly inRun?: "step" | "repeat";
  /** What an absent field is, by the fields before it; undefined if it must be present. */
  readonly derive?: (before: Readonly<Record<string, unknown>>) => T | undefined;
  encode(value: T): unknown;
  decode(value: unknown, path: string): T;
}

/** A field that may be absent: nil on the wire, or cut off at the end of the array. */
export interface OptionalField<T> extends Field<T> {
  readonly optional: true;
}

/** The fields of a struct or frame, in wire order. */
export type Shape = Readonly<Record<string, Field<unknown>>>;

type OptionalKeys<S extends Shape> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];
type ValueOf<F> = F extends Field<infer T> ? T : never;
type Flat<T> = { [K in keyof T]: T[K] };

/** The TypeScript value of a {@link Shape}. */
export type Struct<S extends Shape> = Flat<
  { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: ValueOf<S[K]> } & {
    readonly [K in OptionalKeys<S>]?: ValueOf<S[K]>;
  }
>;

function plain<T>(wire: string, accepts: (value: unknown) => value is T): Field<T> {
  return {
    wire,
    encode: (value) => value,
    decode(value, path) {
      if (!accepts(value)) throw new SchemaViolation(path, wire);
      return value;
    },
  };
}

/** An integer from 0 to 2^53 − 1. */
export const uint: Field<number> = plain(
  "uint",
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
);

/** true or false. */
export const bool: Field<boolean> = plain("bool", (value) => typeof value === "boolean");

/** Text of at most `max` code points, without lone surrogates. */
export function text(max: number): Field<string> {
  return plain(
    `str of at most ${max} code points`,
    (value): value is string =>
      typeof value === "string" && fitsCharacters(value, max) && isWellFormed(value),
  );
}

/** A string of at most `max` UTF-8 bytes, without lone surrogates. */
export function string(max: number): Field<string> {
  return plain(
    `str of at most ${max} bytes`,
    (value): value is string =>
      typeof value === "string" && value.length <= max && utf8Length(value) <= max && isWellFormed(value),
  );
}

/** A conversation or user id. One that reads as a canonical UUID travels as its 16 bytes, any other as a string. */
export const id: Field<string> = {
  wire: "id",
  encode: (value) => (isUuid(value) ? uuidToBytes(value) : value),
  decode(value, path) {
    if (value instanceof Uint8Array && value.length === 16) return uuidFromBytes(value);
    // The string form of a UUID would be a second spelling of the same id.
    if (!isId(value) || isUuid(value))
      throw new SchemaViolation(path, "an id (str, or bin of 16 bytes for a UUID)");
    return value;
  },
};

/** A UUID, as 16 bytes. */
export const uuid: Field<string> = {
  wire: "uuid (bin 16)",
  encode: (value) => uuidToBytes(value),
  decode(value, path) {
    if (!(value instanceof Uint8Array) || value.length !== 16)
      throw new SchemaViolation(path, "bin of 16 bytes");
    return uuidFromBytes(value);
  },
};

/** A JSON object of at most `maxBytes` bytes as compact JSON, nested `maxDepth` levels at the most. */
export function data(maxBytes: number, maxDepth?: number): Field<JsonObject> {
  return {
    wire: `map (JSON object of at most ${maxBytes} bytes)`,
    encode: (value) => value,
    decode(value, path) {
      try {
        assertData(value, maxBytes, maxDepth);
      } catch {
        throw new SchemaViolation(path, `a JSON object of at most ${maxBytes} bytes`);
      }
      return value;
    },
  };
}

/** One of a fixed list of words, as its index. Words are only ever added at the end. */
export function oneOf<const W extends readonly string[]>(words: W): Field<W[number]> {
  const wire = words.map((word, index) => `${index} ${word}`).join(" | ");
  return {
    wire,
    encode: (value) => words.indexOf(value),
    decode(value, path) {
      const word = typeof value === "number" ? words[value] : undefined;
      if (word === undefined) throw new SchemaViolation(path, wire);
      return word;
    },
  };
}

/** A list of at most `max` items. */
export function list<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return {
    wire: `array of at most ${max} × ${item.wire}`,
    encode: (values) => values.map((value) => item.encode(value)),
    decode(value, path) {
      if (!Array.isArray(value) || value.length > max)
        throw new SchemaViolation(path, `an array of at most ${max}`);
      return value.map((element, index) => item.decode(element, `${path}[${index}]`));
    },
  };
}

/** Makes a field optional. */
export function optional<T>(field: Field<T>): OptionalField<T> {
  return {
    wire: `${field.wire}, optional`,
    optional: true,
    encode: (value) => field.encode(value),
    decode: (value, path) => field.decode(value, path),
  };
}

/** A field that is left out where it is what the fields before it say. */
export function derivable<T, B>(field: Field<T>, derive: (before: B) => T | undefined): Field<T> {
  return {
    ...field,
    wire: `${field.wire}, derivable`,
    derive: (before) => derive(before as B),
  };
}

/** An integer from 0 to 2^53 − 1 that rises slowly from element to element of a {@link run}, and travels as the difference there. */
export const step: Field<number> = { ...uint, wire: "step", inRun: "step" };

/** A field that is often the same in the elements of a {@link run}, and is nil where it is. */
export function repeated<T>(field: Field<T>): Field<T> {
  return { ...field, wire: `${field.wire}, repeated`, inRun: "repeat" };
}

/** Appends the fields of a struct to `target`, without the absent ones at the end. `before`: the struct before it in a {@link run}. */
export function encodeFields(
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  target: unknown[],
  before?: Readonly<Record<string, unknown>>,
): unknown[] {
  let end = target.length;
  for (const key in shape) {
    const field = shape[key]!;
    const item = value[key];
    const isSaid =
      item === undefined ||
      (field.derive !== undefined && field.derive(value) === item) ||
      (field.inRun === "repeat" && before?.[key] === item);
    if (isSaid) {
      target.push(null);
    } else if (field.inRun === "step" && before !== undefined) {
      end = target.push((item as number) - (before[key] as number));
    } else {
      end = target.push(field.encode(item));
    }
  }
  target.length = end;
  return target;
}

/**
 * Reads a struct from `source`, starting at index `from`. More elements than fields are a newer peer's, and ignored.
 * `before`: the struct before it in a {@link run}.
 */
export function decodeFields<S extends Shape>(
  shape: S,
  source: readonly unknown[],
  from: number,
  path: string,
  before?: Readonly<Record<string, unknown>>,
): Struct<S> {
  const value: Record<string, unknown> = {};
  let index = from;
  for (const key in shape) {
    const field = shape[key]!;
    let element = source[index++];
    if (element === undefined || element === null) {
      element = field.inRun === "repeat" ? before?.[key] : field.derive?.(value);
      if (element !== undefined) value[key] = element;
      else if (field.optional !== true) throw new SchemaViolation(`${path}.${key}`, "present");
    } else {
      // A sum with something else than a number is no uint.
      if (field.inRun === "step" && before !== undefined)
        element = (before[key] as number) + (element as number);
      value[key] = field.decode(element, `${path}.${key}`);
    }
  }
  return value as Struct<S>;
}

/** A list of at most `max` structs, each told by what differs from the one before. */
export function run<S extends Shape>(shape: S, max: number): Field<readonly Struct<S>[]> {
  return {
    wire: `array of at most ${max} × ${struct(shape).wire}`,
    encode: (values) => values.map((value, at) => encodeFields(shape, value, [], values[at - 1])),
    decode(value, path) {
      if (!Array.isArray(value) || value.length > max)
        throw new SchemaViolation(path, `an array of at most ${max}`);
      let before: Struct<S> | undefined;
      return value.map((element: unknown, at) => {
        if (!Array.isArray(element)) throw new SchemaViolation(`${path}[${at}]`, "an array");
        before = decodeFields(shape, element, 0, `${path}[${at}]`, before);
        return before;
      });
    },
  };
}

/** A fixed sequence of named fields, as an array. */
export function struct<S extends Shape>(shape: S): Field<Struct<S>> {
  return {
    wire: `[${Object.entries(shape)
      .map(([key, field]) => `${key}: ${field.wire}`)
      .join(", ")}]`,
    encode: (value) => encodeFields(shape, value, []),
    decode(value, path) {
      if (!Array.isArray(value)) throw new SchemaViolation(path, "an array");
      return decodeFields(shape, value, 0, path);
    },
  };
}
