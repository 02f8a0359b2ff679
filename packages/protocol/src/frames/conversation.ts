import { conversationRowShape } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The row of one conversation, after what the request did to it. */
export const conversation = defineFrame(71, "conversation", {
  requestId: schema.uint,
  row: schema.struct(conversationRowShape),
});
export type ConversationFrame = FrameOf<typeof conversation>;
