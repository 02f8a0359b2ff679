import { conversationRowShape } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** The conversations that changed since the cursor. */
export const changes = defineFrame(70, "changes", {
  requestId: schema.uint,
  rows: schema.list(schema.struct(conversationRowShape), LIMITS.pageRows),
  /** What to ask with next. */
  cursor: schema.string(LIMITS.cursorBytes),
  /** True if more is waiting behind the cursor already. */
  more: schema.bool,
});
export type ChangesFrame = FrameOf<typeof changes>;
