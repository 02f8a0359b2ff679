import { ChatError } from "./chat-error.js";
import { utf8Length } from "./ids.js";
import { LIMITS } from "./limits.js";
import { isWellFormed } from "./text.js";

/** A JSON value. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What applications attach to entries, conversations and users: a JSON object of at most 4,096 bytes and 8 levels. */
export type JsonObject = { readonly [key: string]: JsonValue };

function problemOf(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === "boolean") return undefined;
  if (typeof value === "number")
    return Number.isFinite(value) ? undefined : "it holds a number that is not finite";
  if (typeof value === "string") return isWellFormed(value) ? undefined : "it holds a lone surrogate";
  if (typeof value !== "object") return `it holds a ${typeof value}`;
  if (depth === 0) return `it is nested deeper than ${LIMITS.dataDepth} levels`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = problemOf(item, depth - 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
    return "it holds an object that is not plain";
  }
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") return "it holds a key named __proto__";
    const problem = isWellFormed(key) ? problemOf(item, depth - 1) : "it holds a lone surrogate";
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * Checks that a value is a JSON object within the limits.
 * @param maxBytes UTF-8 bytes as compact JSON
 * @throws ChatError `data_invalid`
 */
export function assertData(
  value: unknown,
  maxBytes: number = LIMITS.dataBytes,
  maxDepth: number = LIMITS.dataDepth,
): asserts value is JsonObject {
  const problem =
    typeof value !== "object" || value === null || Array.isArray(value)
      ? "it is not an object"
      : (problemOf(value, maxDepth) ??
        (utf8Length(JSON.stringify(value)) > maxBytes
          ? `it is larger than ${maxBytes} bytes of JSON`
          : undefined));
  if (problem !== undefined) {
    throw new ChatError("data_invalid", `data must be a small plain JSON object, but ${problem}.`);
  }
}
