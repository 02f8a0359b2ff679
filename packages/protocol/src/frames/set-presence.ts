import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Says whether this device is in use, or whether the user wants to be seen at all. Answered by `presences` with the user's own. */
export const setPresence = defineFrame(41, "set-presence", {
  requestId: schema.uint,
  /** For how many ms nothing was done on this device; 0: it is in use. Holds for this connection, which begins with 0. */
  idle: schema.optional(schema.uint),
  /** True: others see the user as offline. Kept for all devices, until it is set again. */
  invisible: schema.optional(schema.bool),
});
export type SetPresenceFrame = FrameOf<typeof setPresence>;
