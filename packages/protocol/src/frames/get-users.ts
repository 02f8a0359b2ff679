import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * Profiles of users. Answered by `users` with those whose version is not the one that the device holds;
 * from then on the connection is told of their changes (`user-changed`).
 */
export const getUsers = defineFrame(12, "get-users", {
  requestId: schema.uint,
  users: schema.list(
    schema.struct({ userId: schema.id, version: schema.optional(schema.uint) }),
    LIMITS.usersPerRequest,
  ),
});
export type GetUsersFrame = FrameOf<typeof getUsers>;
