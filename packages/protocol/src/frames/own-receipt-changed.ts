import { defineFrame, type FrameOf } from "../frame.js";
import { ownReceiptShape } from "../receipt.js";
import * as schema from "../schema.js";

/** Push: the user has come further in a conversation, or has marked it; by whichever device. */
export const ownReceiptChanged = defineFrame(101, "own-receipt-changed", {
  receipt: schema.struct(ownReceiptShape),
});
export type OwnReceiptChangedFrame = FrameOf<typeof ownReceiptChanged>;
