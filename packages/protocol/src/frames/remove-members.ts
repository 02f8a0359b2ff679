import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Removes members of a group; the user alone means leaving it. Answered by `conversation` or `error`. */
export const removeMembers = defineFrame(10, "remove-members", {
  requestId: schema.uint,
  conversationId: schema.id,
  clientMessageId: schema.uuid,
  members: schema.list(schema.id, LIMITS.membersPerRequest),
});
export type RemoveMembersFrame = FrameOf<typeof removeMembers>;
