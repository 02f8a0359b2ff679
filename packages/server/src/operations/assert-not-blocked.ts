import { ChatError } from "@chat/protocol";
import type { Participation } from "../store/conversation-store.js";
import type { Caller, OperationContext } from "./operation-context.js";

/** The refusal of whoever has blocked the other one. */
function unblockFirst(): ChatError {
  return new ChatError("unblock_first", "You have blocked this user; unblock them first.");
}

/**
 * Refuses to write into a direct conversation of two of whom one has blocked the other. The system writes everywhere.
 * @throws ChatError `unblock_first`, `blocked`
 */
export function assertNotBlocked({ isSystem }: Caller, { blocks, blockedBy }: Participation): void {
  if (isSystem === true) return;
  if (blocks) throw unblockFirst();
  if (blockedBy) throw new ChatError("blocked", "This user takes no messages of yours.");
}

/**
 * Refuses what brings a caller together with users who have blocked the caller. The system brings together whom it wants.
 * @param isDirect it is a conversation of the two alone: then the caller may not have blocked the other one either
 * @throws ChatError `blocked`, `unblock_first`, `store_unavailable`
 */
export async function assertNoneBlocks(
  { conversations }: Pick<OperationContext, "conversations">,
  { userId, isSystem }: Caller,
  others: readonly string[],
  isDirect: boolean,
): Promise<void> {
  if (isSystem === true || others.length === 0) return;
  const { blocked, blockedBy } = await conversations.blocks(userId, others);
  if (isDirect && blocked.length > 0) throw unblockFirst();
  const [first] = blockedBy;
  if (first === undefined) return;
  throw new ChatError("blocked", `${first} does not want to be brought together with you; leave them out.`);
}
