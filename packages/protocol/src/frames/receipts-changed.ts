import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import { memberReceiptShape } from "../receipt.js";
import * as schema from "../schema.js";

/** Push: members of a conversation have come further. */
export const receiptsChanged = defineFrame(100, "receipts-changed", {
  conversationId: schema.id,
  receipts: schema.list(schema.struct(memberReceiptShape), LIMITS.receiptsPerRow),
});
export type ReceiptsChangedFrame = FrameOf<typeof receiptsChanged>;
