import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Sets what the user tells others, for all devices. What is absent stays. Carrying it out twice is carrying it out once. Answered by `privacy`. */
export const setPrivacy = defineFrame(43, "set-privacy", {
  requestId: schema.uint,
  typing: schema.optional(schema.bool),
  readReceipts: schema.optional(schema.bool),
  /** Whom to block from now on. */
  block: schema.optional(schema.list(schema.id, LIMITS.blockedUsers)),
  /** Whom to block no longer. */
  unblock: schema.optional(schema.list(schema.id, LIMITS.blockedUsers)),
});
export type SetPrivacyFrame = FrameOf<typeof setPrivacy>;
