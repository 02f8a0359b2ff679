import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** A new token for this connection, before the old one expires. Answered by `token-refreshed` or `error`. */
export const refreshToken = defineFrame(32, "refresh-token", {
  requestId: schema.uint,
  /** Of the same user. */
  token: schema.string(LIMITS.tokenBytes),
});
export type RefreshTokenFrame = FrameOf<typeof refreshToken>;
