import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * Subscribes this device to pushes, in place of what it had; without a provider, takes that back. Carrying it out twice is
 * carrying it out once. Answered by `push`.
 */
export const setPush = defineFrame(51, "set-push", {
  requestId: schema.uint,
  provider: schema.optional(schema.string(LIMITS.pushProviderBytes)),
  /** Where to; of the Web Push API the PushSubscription. */
  target: schema.optional(schema.data(LIMITS.dataBytes)),
});
export type SetPushFrame = FrameOf<typeof setPush>;
