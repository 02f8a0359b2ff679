import { LIMITS } from "./limits.js";
import * as schema from "./schema.js";

/** A user's profile. Every device keeps those that it showed, readable offline. */
export const userProfileShape = {
  userId: schema.id,
  /** Rises with every change; 0 for a user who never set a profile. */
  version: schema.uint,
  name: schema.optional(schema.text(LIMITS.nameCharacters)),
  avatarUrl: schema.optional(schema.string(LIMITS.urlBytes)),
  data: schema.optional(schema.data(LIMITS.dataBytes)),
} as const;

export type UserProfile = schema.Struct<typeof userProfileShape>;
