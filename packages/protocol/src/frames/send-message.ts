import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Stores a message. Answered by `message-stored` once it is durable, or by `error`. */
export const sendMessage = defineFrame(3, "send-message", {
  requestId: schema.uint,
  conversationId: schema.id,
  /** The idempotency key: the same key from the same device into the same conversation gets the first answer again. */
  clientMessageId: schema.uuid,
  text: schema.optional(schema.text(LIMITS.textCharactersCeiling)),
  kind: schema.optional(schema.string(LIMITS.idBytes)),
  data: schema.optional(schema.data(LIMITS.dataBytes)),
  replyTo: schema.optional(schema.uint),
  /**
   * True if every earlier send of this device into this conversation has been answered.
   * After a retryable failure the server refuses the sends behind it (`out_of_order`) until one says so.
   */
  first: schema.optional(schema.bool),
  /** The users whom it mentions: members of the conversation, or it is refused as `mention_unknown`. */
  mentions: schema.optional(schema.list(schema.id, LIMITS.mentionsPerMessage)),
});
export type SendMessageFrame = FrameOf<typeof sendMessage>;
