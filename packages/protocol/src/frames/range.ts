import { entryShape } from "../entry.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** A span of history: what lies in (after, through] is `entries`, and nothing else exists there for this user. */
export const range = defineFrame(68, "range", {
  requestId: schema.uint,
  after: schema.uint,
  through: schema.uint,
  /** In order of messageId. */
  entries: schema.run(entryShape, LIMITS.rangeEntries),
  /** The highest messageId that this user may see, when the range was read. */
  head: schema.uint,
  /** The first messageId that the store still holds. */
  firstId: schema.uint,
  /** As in a row, when the range was read: the entries are as all redactions up to it have left them. */
  lastRedaction: schema.optional(schema.uint),
});
export type RangeFrame = FrameOf<typeof range>;
