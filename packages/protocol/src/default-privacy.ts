import type { UserPrivacy } from "./user-privacy.js";

/** Of one who never set anything. */
export const DEFAULT_PRIVACY: UserPrivacy = { version: 0, typing: true, readReceipts: true, blocked: [] };
