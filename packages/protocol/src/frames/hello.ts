import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/** The first frame on every socket: who is there. Answered by `welcome` or `error`. */
export const hello = defineFrame(1, "hello", {
  requestId: schema.uint,
  /** PROTOCOL_MINOR of the device. */
  minor: schema.uint,
  /** Optional features that the device understands. */
  capabilities: schema.list(schema.string(LIMITS.idBytes), LIMITS.capabilities),
  /** What the application's `authenticate` checks. */
  token: schema.string(LIMITS.tokenBytes),
  /** One installation of the application; chosen by the device and kept with its cache. */
  deviceId: schema.uuid,
  /** Name and version of the client, for logs. */
  agent: schema.string(LIMITS.idBytes),
  /** Whom the device takes itself for. A token of somebody else is refused, so that caches never mix. */
  userId: schema.optional(schema.id),
  /**
   * Where several tabs are one device: which of them leads, a number that rises with each. A connection of a lower number is
   * closed (`replaced`) when one of a higher comes, and refused after it.
   */
  leader: schema.optional(schema.uint),
});
export type HelloFrame = FrameOf<typeof hello>;
