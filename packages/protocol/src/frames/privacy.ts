import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";
import { userPrivacyShape } from "../user-privacy.js";

/** The answer to `set-privacy`: what the user tells others now. */
export const privacy = defineFrame(81, "privacy", {
  requestId: schema.uint,
  privacy: schema.struct(userPrivacyShape),
});
export type PrivacyFrame = FrameOf<typeof privacy>;
