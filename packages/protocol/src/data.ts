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
  if (!Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
      return "it holds an object that is not plain";
    }
    if (Object.hasOwn(value, "__proto__")) return "it holds a key named __proto__";
  }
  // Spread, an array shows its holes.
  for (const [key, item] of Object.entries(Array.isArray(value) ? [...(value as unknown[])] : value)) {
    const problem = problemOf(key, depth) ?? problemOf(item, depth - 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Why a value is no JSON object within the limits; undefined if it is one. @param maxBytes UTF-8 bytes as compact JSON */
export function problemOfData(
  value: unknown,
  maxBytes: number = LIMITS.dataBytes,
  maxDepth: number = LIMITS.dataDepth,
): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is not an object";
  const problem = problemOf(value, maxDepth);
  if (problem !== undefined || utf8Length(JSON.stringify(value)) <= maxBytes) return problem;
  return `it is larger than ${maxBytes} bytes of JSON`;
}

/**
 * Checks that a value is a JSON object within the limits.
 * @param maxBytes UTF-8 bytes as compact JSON
 * @throws ChatError `data_invalid`
 */
export function assertData(value: unknown, maxBytes?: number): asserts value is JsonObject {
  const problem = problemOfData(value, maxBytes);
  if (problem !== undefined) {
    throw new ChatError("data_invalid", `data must be a small plain JSON object, but ${problem}.`);
  }
}
