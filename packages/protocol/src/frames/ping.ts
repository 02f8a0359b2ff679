import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The device's heartbeat, and its question whether it missed anything. Answered by `pong`. */
export const ping = defineFrame(2, "ping", {
  requestId: schema.uint,
});
export type PingFrame = FrameOf<typeof ping>;
