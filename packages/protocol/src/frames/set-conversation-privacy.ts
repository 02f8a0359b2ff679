import { defineFrame } from "../frame.js";
import * as schema from "../schema.js";

/** What a conversation may say; `default`: as everywhere. */
const choice = schema.oneOf(["on", "off", "default"]);

/** Sets what the user tells the others of one conversation. What is absent stays. Carrying it out twice is carrying it out once. Answered by `receipts`. */
export const setConversationPrivacy = defineFrame(44, "set-conversation-privacy", {
  requestId: schema.uint,
  conversationId: schema.id,
  typing: schema.optional(choice),
  readReceipts: schema.optional(choice),
});
