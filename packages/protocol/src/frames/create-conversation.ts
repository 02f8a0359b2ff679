import { CONVERSATION_TYPES, HISTORY_VISIBILITIES } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * Creates a conversation; the user is its owner. A direct conversation that the pair already has is the answer,
 * whichever id was asked for. Answered by `conversation` or `error`.
 */
export const createConversation = defineFrame(7, "create-conversation", {
  requestId: schema.uint,
  conversationType: schema.oneOf(CONVERSATION_TYPES),
  /** The new conversation's id, chosen by the device or the application. */
  conversationId: schema.id,
  /** The idempotency key. */
  clientMessageId: schema.uuid,
  /** The members besides the user; exactly one for a direct conversation. */
  members: schema.list(schema.id, LIMITS.membersPerRequest),
  name: schema.optional(schema.text(LIMITS.nameCharacters)),
  data: schema.optional(schema.data(LIMITS.dataBytes)),
  /** Of a group; absent: `joined`. */
  historyVisibility: schema.optional(schema.oneOf(HISTORY_VISIBILITIES)),
});
export type CreateConversationFrame = FrameOf<typeof createConversation>;
