import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";
import { userPresenceShape } from "../user-presence.js";

/** Push: a user whom this connection watches came or went. Changes that follow each other closely come as one. */
export const presenceChanged = defineFrame(104, "presence-changed", {
  presence: schema.struct(userPresenceShape),
});
export type PresenceChangedFrame = FrameOf<typeof presenceChanged>;
