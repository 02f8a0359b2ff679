import { type Entry, entryShape } from "../entry.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

interface Before {
  readonly entries: readonly Entry[];
}

/** Push: new entries of one conversation. With the same authority as `range`: (after, through] is `entries`. */
export const entries = defineFrame(96, "entries", {
  conversationId: schema.id,
  entries: schema.run(entryShape, LIMITS.rangeEntries),
  /** Absent on the wire where the span begins with its first entry, as nearly every one does. */
  after: schema.derivable(schema.uint, ({ entries }: Before) => {
    const first = entries[0]?.messageId;
    // Of an entry that no server has, nothing is derived.
    return first === undefined || first === 0 ? undefined : first - 1;
  }),
  /** Absent where the span ends with its last entry. */
  through: schema.derivable(schema.uint, ({ entries }: Before) => entries[entries.length - 1]?.messageId),
});
export type EntriesFrame = FrameOf<typeof entries>;
