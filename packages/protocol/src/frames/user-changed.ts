import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";
import { userProfileShape } from "../user-profile.js";

/** Push: a user whose profile this connection asked for has changed it. */
export const userChanged = defineFrame(98, "user-changed", {
  profile: schema.struct(userProfileShape),
});
export type UserChangedFrame = FrameOf<typeof userChanged>;
