import * as schema from "./schema.js";

/** Whether a user is there, by rising presence. */
export const PRESENCE_STATUSES = ["offline", "away", "online"] as const;
/** `away`: connected, and nothing was done on any of the user's devices for a while. */
export type PresenceStatus = (typeof PRESENCE_STATUSES)[number];

/** A user's presence, as whoever is told of it may see it. */
export const userPresenceShape = {
  userId: schema.id,
  status: schema.oneOf(PRESENCE_STATUSES),
  /** Wall-clock ms at which the user did something last; absent while online, and where it is not known or not shown. */
  lastActiveAt: schema.optional(schema.uint),
  /** True if the user wants to be seen by nobody; only the user is told. */
  invisible: schema.optional(schema.bool),
} as const;

export type UserPresence = schema.Struct<typeof userPresenceShape>;
