import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Sets what the user tells others, for all devices. What is absent stays. Carrying it out twice is carrying it out once. Answered by `privacy`. */
export const setPrivacy = defineFrame(43, "set-privacy", {
  requestId: schema.uint,
  typing: schema.optional(schema.bool),
  readReceipts: schema.optional(schema.bool),
});
export type SetPrivacyFrame = FrameOf<typeof setPrivacy>;
