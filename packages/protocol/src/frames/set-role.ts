import { ROLES } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Gives members of a group a role; `owner` to one member hands the group over. Answered by `conversation` or `error`. */
export const setRole = defineFrame(15, "set-role", {
  requestId: schema.uint,
  conversationId: schema.id,
  clientMessageId: schema.uuid,
  members: schema.list(schema.id, LIMITS.membersPerRequest),
  role: schema.oneOf(ROLES),
});
export type SetRoleFrame = FrameOf<typeof setRole>;
