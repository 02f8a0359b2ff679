import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** Push: the connection's token expires soon; without a new one (`refresh-token`) the server closes the connection then. */
export const tokenExpiring = defineFrame(112, "token-expiring", {
  /** ms. */
  expiresIn: schema.uint,
});
export type TokenExpiringFrame = FrameOf<typeof tokenExpiring>;
