import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import * as schema from "../schema.js";

/**
 * How far the user of this device has come, in several conversations at once. Watermarks only rise, and what lies below
 * changes nothing, so it may be sent again. Answered by `receipts` once that is durable, or `error`.
 */
export const sendReceipts = defineFrame(21, "send-receipts", {
  requestId: schema.uint,
  receipts: schema.list(
    schema.struct({
      conversationId: schema.id,
      /** Everything up to it is on a device of the user. */
      delivered: schema.optional(schema.uint),
      /** The user has read everything up to it. */
      read: schema.optional(schema.uint),
      /** Changes the mark of what is unread if its version is this one: sets it, or without `from` takes it off. */
      mark: schema.optional(schema.struct({ version: schema.uint, from: schema.optional(schema.uint) })),
    }),
    LIMITS.receiptsPerRequest,
  ),
});
export type SendReceiptsFrame = FrameOf<typeof sendReceipts>;
