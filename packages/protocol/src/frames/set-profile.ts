import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** Replaces the user's own profile. Carrying it out twice is carrying it out once. Answered by `users`. */
export const setProfile = defineFrame(13, "set-profile", {
  requestId: schema.uint,
  name: schema.optional(schema.text(LIMITS.nameCharacters)),
  avatarUrl: schema.optional(schema.string(LIMITS.urlBytes)),
  data: schema.optional(schema.data(LIMITS.dataBytes)),
});
export type SetProfileFrame = FrameOf<typeof setProfile>;
