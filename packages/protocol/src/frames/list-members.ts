import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** One page of a conversation's members, by user id. Answered by `members`. */
export const listMembers = defineFrame(11, "list-members", {
  requestId: schema.uint,
  conversationId: schema.id,
  limit: schema.uint,
  /** `next` of the page before. */
  page: schema.optional(schema.string(LIMITS.cursorBytes)),
});
export type ListMembersFrame = FrameOf<typeof listMembers>;
