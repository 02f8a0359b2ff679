import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Push: the server closes this connection soon. The device reconnects after the delay, so that not all come at once. */
export const goingAway = defineFrame(99, "going-away", {
  /** ms. */
  reconnectDelay: schema.uint,
});
export type GoingAwayFrame = FrameOf<typeof goingAway>;
