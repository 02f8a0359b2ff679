import { ChatError } from "@chat/protocol";
import type { OperationContext } from "./operation-context.js";

/**
 * Checks that everybody who is mentioned is a member now, with one look-up. That it is still so when the message is stored is
 * for `append` to see, by the membership version.
 * @throws ChatError `mention_unknown`, alike for former members, strangers and users whom nobody knows
 */
export async function assertMentioned(
  context: OperationContext,
  conversationId: string,
  mentions: readonly string[],
): Promise<void> {
  const members = await context.conversations.roles(conversationId, mentions);
  if (mentions.every((userId) => members.has(userId))) return;
  throw new ChatError(
    "mention_unknown",
    "Somebody whom the message mentions is no member of this conversation; send it without.",
  );
}
