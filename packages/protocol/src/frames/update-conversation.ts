import { HISTORY_VISIBILITIES } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Changes what a conversation is called and carries; what is absent stays. Answered by `conversation` or `error`. */
export const updateConversation = defineFrame(14, "update-conversation", {
  requestId: schema.uint,
  conversationId: schema.id,
  clientMessageId: schema.uuid,
  /** An empty one removes the name. */
  name: schema.optional(schema.text(LIMITS.nameCharacters)),
  /** Replaces the data as a whole; an empty object removes it. */
  data: schema.optional(schema.data(LIMITS.dataBytes)),
  historyVisibility: schema.optional(schema.oneOf(HISTORY_VISIBILITIES)),
});
export type UpdateConversationFrame = FrameOf<typeof updateConversation>;
