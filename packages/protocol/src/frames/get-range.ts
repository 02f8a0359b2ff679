import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Reads entries `after`, `before` or `around` an id; exactly one of the three. Answered by `range` or `error`. */
export const getRange = defineFrame(4, "get-range", {
  requestId: schema.uint,
  conversationId: schema.id,
  /** The most entries wanted. */
  limit: schema.uint,
  /** Entries above this id, oldest first taken. */
  after: schema.optional(schema.uint),
  /** Entries below this id, newest first taken. */
  before: schema.optional(schema.uint),
  /** The entry with this id and as many on both sides. */
  around: schema.optional(schema.uint),
  /** With `after`: the fingerprint of the entry there, as the device holds it. Another in the store is `diverged`. */
  fingerprint: schema.optional(schema.uint),
});
export type GetRangeFrame = FrameOf<typeof getRange>;
