import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** The answer to `get-push` and `set-push`. */
export const push = defineFrame(84, "push", {
  requestId: schema.uint,
  providers: schema.list(
    schema.struct({
      name: schema.string(LIMITS.pushProviderBytes),
      /** What a device needs in order to subscribe: of Web Push the applicationServerKey. */
      publicKey: schema.optional(schema.string(LIMITS.urlBytes)),
    }),
    LIMITS.pushProviders,
  ),
  /** The provider that this device is subscribed with; absent: it is not. */
  provider: schema.optional(schema.string(LIMITS.pushProviderBytes)),
});
export type PushFrame = FrameOf<typeof push>;
