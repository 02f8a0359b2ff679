import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/**
 * The user is writing, or has stopped. Said again every few seconds while it lasts; it expires by itself, and is kept
 * nowhere. Answered only if it is refused, by `error`.
 */
export const setTyping = defineFrame(23, "set-typing", {
  requestId: schema.uint,
  conversationId: schema.id,
  typing: schema.bool,
});
export type SetTypingFrame = FrameOf<typeof setTyping>;
