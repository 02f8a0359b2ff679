import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";
import { userPresenceShape } from "../user-presence.js";

/** The presence of those users whom this one may see. */
export const presences = defineFrame(80, "presences", {
  requestId: schema.uint,
  presences: schema.list(schema.struct(userPresenceShape), LIMITS.presencesPerRequest),
});
export type PresencesFrame = FrameOf<typeof presences>;
