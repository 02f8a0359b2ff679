import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** The acknowledgement: the message is durable and numbered. It is the device's proof, and fills the entry's place. */
export const messageStored = defineFrame(67, "message-stored", {
  requestId: schema.uint,
  messageId: schema.uint,
  createdAt: schema.uint,
  ordinal: schema.uint,
  fingerprint: schema.uint,
  /** What stands in the log in place of the text, data and mentions that were sent; absent if these do. */
  rewritten: schema.optional(
    schema.struct({
      text: schema.optional(schema.text(LIMITS.textCharactersCeiling)),
      data: schema.optional(schema.data(LIMITS.dataBytes)),
      mentions: schema.optional(schema.list(schema.id, LIMITS.mentionsPerMessage)),
    }),
  ),
  /** True if its body was redacted meanwhile: the device forgets it, too. */
  redacted: schema.optional(schema.bool),
});
export type MessageStoredFrame = FrameOf<typeof messageStored>;
