import { defineFrame } from "../frame.js";
import * as schema from "../schema.js";

/** The user wants to hear nothing of a conversation for a time. Carrying it out twice is carrying it out once. Answered by `receipts`. */
export const muteConversation = defineFrame(42, "mute-conversation", {
  requestId: schema.uint,
  conversationId: schema.id,
  /** Wall-clock ms, 2^53 − 1 for ever; absent: no longer. */
  until: schema.optional(schema.uint),
  /** True: nor of messages that mention the user, which are notified else. */
  mentionsMuted: schema.optional(schema.bool),
});
