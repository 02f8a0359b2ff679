import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** One page of the user's conversations, newest activity first. Answered by `conversations`. */
export const listConversations = defineFrame(5, "list-conversations", {
  requestId: schema.uint,
  limit: schema.uint,
  /** `next` of the page before. */
  page: schema.optional(schema.string(LIMITS.cursorBytes)),
});
export type ListConversationsFrame = FrameOf<typeof listConversations>;
