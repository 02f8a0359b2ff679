import { id, integer, type OptionalJsonField, optional, text, uuid } from "../json-field.js";

/** The size of a page where the caller names none. */
export const DEFAULT_LIMIT = 50;

export const conversationId = id("The conversation.");

export const clientMessageId = uuid(
  "The idempotency key, chosen by the caller: with the same one the request may be repeated, and gets the first answer again. Together with the user and `Chat-Device-Id`.",
);

export const page = optional(text("`next` of the page before."));

/** How much is wanted; more than `max` is taken for `max`, and 0 for 1. */
export function limit(max: number): OptionalJsonField<number> {
  return optional(integer(`At most how many; ${DEFAULT_LIMIT} by default, ${max} at most.`));
}
