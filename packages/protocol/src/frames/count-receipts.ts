import { defineFrame, type FrameOf } from "../frame.js";
import * as schema from "../schema.js";

/** How many members a message has reached: for conversations that are too large to tell of each. Answered by `receipt-counts`. */
export const countReceipts = defineFrame(22, "count-receipts", {
  requestId: schema.uint,
  conversationId: schema.id,
  messageId: schema.uint,
});
export type CountReceiptsFrame = FrameOf<typeof countReceipts>;
