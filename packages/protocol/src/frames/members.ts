import { ROLES } from "../conversation-row.js";
import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** One page of members, by user id. */
export const members = defineFrame(72, "members", {
  requestId: schema.uint,
  members: schema.list(
    schema.struct({ userId: schema.id, role: schema.oneOf(ROLES), joinedAt: schema.uint }),
    LIMITS.membersPerRequest,
  ),
  /** Absent on the last page. */
  next: schema.optional(schema.string(LIMITS.cursorBytes)),
});
export type MembersFrame = FrameOf<typeof members>;
