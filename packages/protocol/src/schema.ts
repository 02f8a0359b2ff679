import { type JsonObject, problemOfData } from "./data.js";
import { isId, isUuid, utf8Length, uuidFromBytes, uuidToBytes } from "./ids.js";
import { fitsCharacters, isWellFormed } from "./text.js";

/** A field that breaks its rule. The codec turns it into a typed `malformed_frame`. */
export class SchemaViolation extends Error {}

function violation(path: string, rule: string): SchemaViolation {
  return new SchemaViolation(`${path} must be ${rule}`);
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

/**
 * @param read what is on the wire as a value; undefined if it breaks the rule
 * @param encode absent: a value travels as it is
 */
function field<T>(
  wire: string,
  read: (value: unknown, path: string) => T | undefined,
  encode: (value: T) => unknown = (value) => value,
  rule = wire,
): Field<T> {
  return {
    wire,
    encode,
    decode(value, path) {
      const decoded = read(value, path);
      if (decoded === undefined) throw violation(path, rule);
      return decoded;
    },
  };
}

/** A field that travels as it is. */
function plain<T>(wire: string, accepts: (value: T) => boolean): Field<T> {
  return field<T>(wire, (value) => (accepts(value as T) ? (value as T) : undefined));
}

/** An integer from 0 to 2^53 − 1. */
export const uint: Field<number> = plain("uint", (value) => Number.isSafeInteger(value) && value >= 0);

/** true or false. */
export const bool: Field<boolean> = plain("bool", (value) => typeof value === "boolean");

/** Text of at most `max` code points, without lone surrogates. */
export function text(max: number): Field<string> {
  return plain(
    `str of at most ${max} code points`,
    (value) => typeof value === "string" && fitsCharacters(value, max) && isWellFormed(value),
  );
}

/** A string of at most `max` UTF-8 bytes, without lone surrogates. */
export function string(max: number): Field<string> {
  return plain(
    `str of at most ${max} bytes`,
    (value) =>
      typeof value === "string" && value.length <= max && utf8Length(value) <= max && isWellFormed(value),
  );
}

function uuidOf(value: unknown): string | undefined {
  return value instanceof Uint8Array && value.length === 16 ? uuidFromBytes(value) : undefined;
}

/** A conversation or user id. One that reads as a canonical UUID travels as its 16 bytes, any other as a string. */
export const id: Field<string> = field(
  "id",
  // The string form of a UUID would be a second spelling of the same id.
  (value) => (isId(value) && !isUuid(value) ? value : uuidOf(value)),
  (value) => (isUuid(value) ? uuidToBytes(value) : value),
  "an id (str, or bin of 16 bytes for a UUID)",
);

/** A UUID, as 16 bytes. */
export const uuid: Field<string> = field("uuid (bin 16)", uuidOf, uuidToBytes);

/** A JSON object of at most `maxBytes` bytes as compact JSON, nested `maxDepth` levels at the most. */
export function data(maxBytes: number, maxDepth?: number): Field<JsonObject> {
  return plain(
    `map (JSON object of at most ${maxBytes} bytes)`,
    (value) => !problemOfData(value, maxBytes, maxDepth),
  );
}

/** One of a fixed list of words, as its index. Words are only ever added at the end. */
export function oneOf<const W extends readonly string[]>(words: W): Field<W[number]> {
  return field<W[number]>(
    words.map((word, index) => `${index} ${word}`).join(" | "),
    (value) => (typeof value === "number" ? words[value] : undefined),
    (value) => words.indexOf(value),
  );
}

/** A list of at most `max` items. */
export function list<T>(item: Field<T>, max: number): Field<readonly T[]> {
  return field<readonly T[]>(
    `array of at most ${max} × ${item.wire}`,
    (value, path) =>
      isArray(value, max) ? value.map((element, at) => item.decode(element, `${path}[${at}]`)) : undefined,
    (values) => values.map((value) => item.encode(value)),
    `an array of at most ${max}`,
  );
}

/** Makes a field optional. */
export function optional<T>(field: Field<T>): OptionalField<T> {
  return { ...field, wire: `${field.wire}, optional`, optional: true };
}

/** A field that is left out where it is what the fields before it say. */
export function derivable<T, B>(field: Field<T>, derive: (before: B) => T | undefined): Field<T> {
  return { ...field, wire: `${field.wire}, derivable`, derive: (before) => derive(before as B) };
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
      else if (field.optional !== true) throw violation(`${path}.${key}`, "present");
    } else {
      if (field.inRun === "step" && before !== undefined && typeof element === "number")
        element += before[key] as number;
      value[key] = field.decode(element, `${path}.${key}`);
    }
  }
  return value as Struct<S>;
}

/** A list of at most `max` structs, each told by what differs from the one before. */
export function run<S extends Shape>(shape: S, max: number): Field<readonly Struct<S>[]> {
  const item = struct(shape);
  return {
    ...list(item, max),
    encode: (values) => values.map((value, at) => encodeFields(shape, value, [], values[at - 1])),
    decode(value, path) {
      let before: Struct<S> | undefined;
      const next = (element: unknown, at: string): Struct<S> =>
        (before = decodeStruct(shape, element, at, before));
      return list({ ...item, decode: next }, max).decode(value, path);
    },
  };
}

/** A fixed sequence of named fields, as an array. */
export function struct<S extends Shape>(shape: S): Field<Struct<S>> {
  return {
    wire: `[${Object.entries(shape)
      .map(([key, { wire }]) => `${key}: ${wire}`)
      .join(", ")}]`,
    encode: (value) => encodeFields(shape, value, []),
    decode: (value, path) => decodeStruct(shape, value, path),
  };
}

function decodeStruct<S extends Shape>(
  shape: S,
  value: unknown,
  path: string,
  before?: Struct<S>,
): Struct<S> {
  if (!isArray(value)) throw violation(path, "an array");
  return decodeFields(shape, value, 0, path, before);
}

function isArray(value: unknown, max = Infinity): value is unknown[] {
  return Array.isArray(value) && value.length <= max;
}
