import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/**
 * Takes the body of a message away, for everybody and for good; its sender, owners and admins may.
 * Answered by `conversation` or `error`.
 */
export const redactMessage = defineFrame(20, "redact-message", {
  requestId: schema.uint,
  conversationId: schema.id,
  /** The idempotency key of the `redacted` entry. */
  clientMessageId: schema.uuid,
  /** The message that is to be redacted. */
  messageId: schema.uint,
});
export type RedactMessageFrame = FrameOf<typeof redactMessage>;
