import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";
import { userProfileShape } from "../user-profile.js";

/** Profiles. Users whose version the device already holds are left out. */
export const users = defineFrame(73, "users", {
  requestId: schema.uint,
  profiles: schema.list(schema.struct(userProfileShape), LIMITS.usersPerRequest),
});
export type UsersFrame = FrameOf<typeof users>;
