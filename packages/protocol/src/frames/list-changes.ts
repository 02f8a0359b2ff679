import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * The user's conversations that changed since a cursor, in the order of their changes. Answered by `changes`,
 * or by the error `cursor_invalid`: then everything must be listed anew.
 */
export const listChanges = defineFrame(6, "list-changes", {
  requestId: schema.uint,
  limit: schema.uint,
  cursor: schema.string(LIMITS.cursorBytes),
});
export type ListChangesFrame = FrameOf<typeof listChanges>;
