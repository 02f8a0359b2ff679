import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** The answer to `count-receipts`. Whoever asks, the message's sender and those who joined later count, too. */
export const receiptCounts = defineFrame(75, "receipt-counts", {
  requestId: schema.uint,
  members: schema.uint,
  delivered: schema.uint,
  read: schema.uint,
});
export type ReceiptCountsFrame = FrameOf<typeof receiptCounts>;
