import { defineFrame, type FrameOf } from "../frame.js";
import { LIMITS } from "../limits.js";
import { ownReceiptShape } from "../receipt.js";
import * as schema from "../schema.js";

/** The answer to `send-receipts`: how far the user has come now, and what was refused. */
export const receipts = defineFrame(74, "receipts", {
  requestId: schema.uint,
  receipts: schema.list(schema.struct(ownReceiptShape), LIMITS.receiptsPerRequest),
  /** For good, each with the code of an error; there is no use in sending it again. */
  refused: schema.list(
    schema.struct({ conversationId: schema.id, code: schema.string(LIMITS.idBytes) }),
    LIMITS.receiptsPerRequest,
  ),
});
export type ReceiptsFrame = FrameOf<typeof receipts>;
