import type { JsonValue } from "@chat/protocol";

/** True if two JSON values say the same; the order of an object's keys says nothing. */
export function sameJson(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const leftFields = Object.entries<JsonValue>(left);
  const rightFields = new Map(Object.entries<JsonValue>(right));
  return (
    leftFields.length === rightFields.size &&
    leftFields.every(([key, value]) => rightFields.has(key) && sameJson(value, rightFields.get(key)))
  );
}
