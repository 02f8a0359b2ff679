import { entryShape } from "../entry.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Push: new entries of one conversation. With the same authority as `range`: (after, through] is `entries`. */
export const entries = defineFrame(96, "entries", {
  conversationId: schema.id,
  after: schema.uint,
  through: schema.uint,
  entries: schema.list(schema.struct(entryShape), LIMITS.rangeEntries),
});
export type EntriesFrame = FrameOf<typeof entries>;
