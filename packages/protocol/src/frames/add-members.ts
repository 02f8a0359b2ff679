import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Adds members to a group; who is one already stays one. Answered by `conversation` or `error`. */
export const addMembers = defineFrame(9, "add-members", {
  requestId: schema.uint,
  conversationId: schema.id,
  clientMessageId: schema.uuid,
  members: schema.list(schema.id, LIMITS.membersPerRequest),
});
export type AddMembersFrame = FrameOf<typeof addMembers>;
