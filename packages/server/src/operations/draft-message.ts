import { ENTRY_KINDS } from "@chat/protocol";
import type { OutboxDraft } from "../store/outbox-store.js";
import { assertMentioned } from "./assert-mentioned.js";
import { assertNotBlocked } from "./assert-not-blocked.js";
import { authorizeMember } from "./authorize-member.js";
import { assertVisible } from "./intervals.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertContent, distinctMentions, type NewMessage } from "./send-messages.js";

/**
 * Allows a message as if it were sent now, the application's hooks included, and leaves it to be committed with the application's own rows.
 * @throws ChatError as the refusals of `sendMessages`
 */
export async function draftMessage(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
  message: NewMessage,
): Promise<OutboxDraft> {
  const { clientMessageId, kind = ENTRY_KINDS.text, replyTo } = message;
  assertContent(context, message);
  const participation = await authorizeMember(context, caller, conversationId);
  assertNotBlocked(caller, participation);
  assertVisible(participation, replyTo);
  const key = keyOf(caller, conversationId, clientMessageId);
  let content: Pick<NewMessage, "text" | "data" | "mentions"> = message;
  if (context.hooks.watchesSends(caller)) {
    await context.hooks.authorize(caller, { operation: "send-message", conversationId });
    content = await context.hooks.beforeSend(caller, {
      ...key,
      kind,
      ...(message.text !== undefined && { text: message.text }),
      ...(message.data !== undefined && { data: message.data }),
      ...(replyTo !== undefined && { replyTo }),
      ...(message.mentions !== undefined && { mentions: message.mentions }),
    });
    assertContent(context, content);
  }
  const { text, data } = content;
  const mentions = distinctMentions(content.mentions);
  if (mentions !== undefined) await assertMentioned(context, conversationId, mentions);
  return {
    ...key,
    kind,
    ...(text !== undefined && { text }),
    ...(data !== undefined && { data }),
    ...(replyTo !== undefined && { replyTo }),
    ...(mentions !== undefined && { mentions }),
    createdAt: context.runtime.clock.now(),
  };
}
