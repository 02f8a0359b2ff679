import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";
import { userPrivacyShape } from "../user-privacy.js";

/** Push: the user has set what they tell others, on whichever device. */
export const privacyChanged = defineFrame(105, "privacy-changed", {
  privacy: schema.struct(userPrivacyShape),
});
export type PrivacyChangedFrame = FrameOf<typeof privacyChanged>;
