import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";
import { userPrivacyShape } from "../user-privacy.js";

/**
 * The answer to `hello`. From the moment of this frame on the server pushes what happens;
 * what happened before is for the device to ask (`list-changes`).
 */
export const welcome = defineFrame(64, "welcome", {
  requestId: schema.uint,
  minor: schema.uint,
  capabilities: schema.list(schema.string(LIMITS.idBytes), LIMITS.capabilities),
  userId: schema.id,
  /** Names the store's history. Another one than before: forget everything but the outbox. */
  epoch: schema.uuid,
  /** ms between two pings of the device. */
  heartbeatInterval: schema.uint,
  /** Wall clock of the server, ms since 1970, to show times by. */
  serverTime: schema.uint,
  /** Code points of one message's text that this server accepts. */
  textCharacters: schema.uint,
  /** Up to so many members of a conversation are told how far each other has come. */
  receiptMembers: schema.uint,
  /** What the user tells others; absent if nothing was ever set. What is set later is pushed. */
  privacy: schema.optional(schema.struct(userPrivacyShape)),
});
export type WelcomeFrame = FrameOf<typeof welcome>;
