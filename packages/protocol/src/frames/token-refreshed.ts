import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The answer to `refresh-token`: the connection lasts on. */
export const tokenRefreshed = defineFrame(88, "token-refreshed", { requestId: schema.uint });
export type TokenRefreshedFrame = FrameOf<typeof tokenRefreshed>;
