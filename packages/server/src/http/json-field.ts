import { ChatError, isId, isUuid, type JsonObject, LIMITS } from "@chat/protocol";

/** A JSON Schema (2020-12, as OpenAPI 3.1 takes it). */
export type JsonSchema = { readonly [key: string]: unknown };

/** One value of a body, a query or a path: what it is, said once, for the check and for the OpenAPI document. */
export interface JsonField<T> {
  readonly schema: JsonSchema;
  readonly optional?: true;
  /** @throws ChatError `invalid_argument`, naming the value */
  parse(value: unknown, name: string): T;
}

/** A field that may be left out, or be null in a body. */
export interface OptionalJsonField<T> extends JsonField<T> {
  readonly optional: true;
}

/** Named fields, in no order. */
export type JsonFields = Readonly<Record<string, JsonField<unknown>>>;

type OptionalKeys<F extends JsonFields> = {
  [K in keyof F]: F[K] extends { optional: true } ? K : never;
}[keyof F];
type ValueOf<F> = F extends JsonField<infer T> ? T : never;

/** The values of {@link JsonFields}. */
export type JsonValues<F extends JsonFields> = {
  readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]>;
} & { readonly [K in OptionalKeys<F>]?: ValueOf<F[K]> };

function field<T>(schema: JsonSchema, rule: string, accepts: (value: unknown) => value is T): JsonField<T> {
  return {
    schema,
    parse(value, name) {
      if (!accepts(value)) throw new ChatError("invalid_argument", `${name} must be ${rule}.`);
      return value;
    },
  };
}

/** Any string; the operation checks what it means. */
export function text(description: string): JsonField<string> {
  return field({ type: "string", description }, "a string", (value) => typeof value === "string");
}

/** A whole number from 0 to 2^53 − 1. In a query its digits. */
export function integer(description: string): JsonField<number> {
  return {
    schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description },
    parse(value, name) {
      const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
      if (!Number.isSafeInteger(number) || (number as number) < 0) {
        throw new ChatError("invalid_argument", `${name} must be a whole number from 0 to 2^53 − 1.`);
      }
      return number as number;
    },
  };
}

/** True or false. */
export function bool(description: string): JsonField<boolean> {
  return field(
    { type: "boolean", description },
    "true or false",
    (value): value is boolean => typeof value === "boolean",
  );
}

/** An id of a conversation or user. */
export function id(description: string): JsonField<string> {
  return field(
    { type: "string", minLength: 1, maxLength: LIMITS.idBytes, description },
    `a string of 1 to ${LIMITS.idBytes} UTF-8 bytes without control characters`,
    isId,
  );
}

/** A UUID in lower case. */
export function uuid(description: string): JsonField<string> {
  return field(
    { type: "string", format: "uuid", pattern: "^[0-9a-f-]{36}$", description },
    "a UUID in lower case",
    (value): value is string => typeof value === "string" && isUuid(value),
  );
}

/** The application's own JSON object; the operation checks its size and depth. */
export function data(description: string): JsonField<JsonObject> {
  return field(
    { type: "object", additionalProperties: true, description },
    "a JSON object",
    (value): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value),
  );
}

/** One of some words. */
export function word<const W extends readonly string[]>(words: W, description: string): JsonField<W[number]> {
  return field(
    { type: "string", enum: words, description },
    `one of ${words.join(", ")}`,
    (value): value is W[number] => typeof value === "string" && words.includes(value),
  );
}

/** Up to `max` values of one kind. In a query the name is repeated. */
export function list<T>(item: JsonField<T>, max: number, description: string): JsonField<readonly T[]> {
  return {
    schema: { type: "array", items: item.schema, maxItems: max, description },
    parse(value, name) {
      if (!Array.isArray(value) || value.length > max) {
        throw new ChatError("invalid_argument", `${name} must be an array of at most ${max}.`);
      }
      return value.map((element, index) => item.parse(element, `${name}[${index}]`));
    },
  };
}

/** Makes a field optional. */
export function optional<T>(required: JsonField<T>): OptionalJsonField<T> {
  return { ...required, optional: true };
}

/**
 * Reads the fields out of `source`; what it has besides is ignored, so that newer callers can talk to older servers.
 * @throws ChatError `invalid_argument`
 */
export function parseFields<F extends JsonFields>(
  fields: F,
  source: (name: string) => unknown,
): JsonValues<F> {
  const values: Record<string, unknown> = {};
  for (const name in fields) {
    const value = source(name);
    if (value !== undefined && value !== null) values[name] = fields[name]!.parse(value, name);
    else if (fields[name]!.optional !== true) {
      throw new ChatError("invalid_argument", `${name} is missing.`);
    }
  }
  return values as JsonValues<F>;
}
