import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The acknowledgement: the message is durable and numbered. It is the device's proof, and fills the entry's place. */
export const messageStored = defineFrame(67, "message-stored", {
  requestId: schema.uint,
  messageId: schema.uint,
  createdAt: schema.uint,
  ordinal: schema.uint,
  fingerprint: schema.uint,
});
export type MessageStoredFrame = FrameOf<typeof messageStored>;
