import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** A request failed. With requestId 0 the connection itself is at fault and is closed after this frame. */
export const error = defineFrame(66, "error", {
  requestId: schema.uint,
  /** A stable code; an unknown one is treated by `retryable`. */
  code: schema.string(LIMITS.idBytes),
  message: schema.text(LIMITS.errorMessageCharacters),
  retryable: schema.bool,
  /** ms to wait before trying again. */
  retryAfter: schema.optional(schema.uint),
});
export type ErrorFrame = FrameOf<typeof error>;
