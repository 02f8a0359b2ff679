import { conversationRowShape } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Push: the user was added to or removed from a conversation, or its row changed in a way that its entries don't tell. */
export const conversationChanged = defineFrame(97, "conversation-changed", {
  row: schema.struct(conversationRowShape),
});
export type ConversationChangedFrame = FrameOf<typeof conversationChanged>;
