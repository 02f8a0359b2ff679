import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * Asks for the presence of users, and to be told of its changes (`presence-changed`) for as long as the connection lasts.
 * Answered by `presences`, which leaves out whom the user may not see, and who does not exist.
 */
export const watchPresence = defineFrame(40, "watch-presence", {
  requestId: schema.uint,
  userIds: schema.list(schema.id, LIMITS.presencesPerRequest),
  /** Of whom the connection wants to hear no more. */
  forget: schema.optional(schema.list(schema.id, LIMITS.presencesPerRequest)),
});
export type WatchPresenceFrame = FrameOf<typeof watchPresence>;
