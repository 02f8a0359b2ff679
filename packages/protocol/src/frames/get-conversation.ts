import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The row of one conversation. Answered by `conversation` or `error`. */
export const getConversation = defineFrame(8, "get-conversation", {
  requestId: schema.uint,
  conversationId: schema.id,
});
export type GetConversationFrame = FrameOf<typeof getConversation>;
