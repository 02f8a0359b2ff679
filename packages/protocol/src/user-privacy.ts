import { LIMITS } from "./limits.js";
import * as schema from "./schema.js";

/** What a user tells others, in all conversations that say nothing else. Only the user is told. */
export const userPrivacyShape = {
  /** Rises with every change; 0: nothing was ever set. */
  version: schema.uint,
  /** Whether the others are told that the user is writing. */
  typing: schema.bool,
  /** Whether the others are told how far the user has read. */
  readReceipts: schema.bool,
  /** Whom the user has blocked, by user id. */
  blocked: schema.list(schema.id, LIMITS.blockedUsers),
} as const;

export type UserPrivacy = schema.Struct<typeof userPrivacyShape>;
