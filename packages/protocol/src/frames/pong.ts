import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** The answer to `ping`: the heads of the user's conversations that moved since the last pong, and a cursor. */
export const pong = defineFrame(65, "pong", {
  requestId: schema.uint,
  heads: schema.list(schema.struct({ conversationId: schema.id, head: schema.uint }), LIMITS.headsPerPong),
  /** All changes up to it have been pushed or are among `heads`; a device that holds those may keep it for `list-changes`. */
  cursor: schema.optional(schema.string(LIMITS.cursorBytes)),
});
export type PongFrame = FrameOf<typeof pong>;
