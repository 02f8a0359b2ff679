import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/**
 * Push: there is news up to a head, which is not pushed: too many members are connected for how much is said. A device whose screen shows the
 * conversation asks for it at once, others at a random moment within `spread` ms. It may get lost; the next pong tells the same.
 */
export const headMoved = defineFrame(108, "head-moved", {
  conversationId: schema.id,
  head: schema.uint,
  spread: schema.uint,
});
export type HeadMovedFrame = FrameOf<typeof headMoved>;
