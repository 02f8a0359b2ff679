import { conversationRowShape } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** One page of the list. */
export const conversations = defineFrame(69, "conversations", {
  requestId: schema.uint,
  rows: schema.list(schema.struct(conversationRowShape), LIMITS.pageRows),
  /** Where `list-changes` goes on after a walk that begins with this page; read before its rows were. */
  cursor: schema.string(LIMITS.cursorBytes),
  /** Absent on the last page. */
  next: schema.optional(schema.string(LIMITS.cursorBytes)),
});
export type ConversationsFrame = FrameOf<typeof conversations>;
