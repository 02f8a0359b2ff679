import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Push: another member is writing, or has stopped. Holds for 6 s; it may get lost. */
export const typingChanged = defineFrame(102, "typing-changed", {
  conversationId: schema.id,
  userId: schema.id,
  typing: schema.bool,
});
export type TypingChangedFrame = FrameOf<typeof typingChanged>;
