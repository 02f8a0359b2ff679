import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** How this device can be reached while it is not connected, and whether it is subscribed. Answered by `push`. */
export const getPush = defineFrame(50, "get-push", { requestId: schema.uint });
export type GetPushFrame = FrameOf<typeof getPush>;
