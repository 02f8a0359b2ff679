import { ChatError, type ConversationRow, ENTRY_KINDS, isSendableKind } from "@chat/protocol";
import { appendAuthorized } from "./append-authorized.js";
import { authorizeMember } from "./authorize-member.js";
import { authorizeOnce } from "./authorize-once.js";
import { rowFor } from "./get-conversation.js";
import { isVisible } from "./intervals.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertMay } from "./permissions.js";

/** A message that is to be redacted. */
export interface RedactionRequest {
  readonly conversationId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
  readonly messageId: number;
}

/** Nothing is left to do: the message is a tombstone. */
class AlreadyRedacted extends ChatError {
  constructor() {
    super("conflict", "The message is redacted already.");
  }
}

/**
 * Takes the body of a message away, for everybody and for good. See {@link assertMay} for who may.
 * Of a tombstone nothing is left to be redacted, and nothing is stored.
 * @throws ChatError `not_found` (also for a message that the caller can't see, or that is no longer kept), `forbidden`,
 * `invalid_argument` (a membership entry), `membership_moved`, `store_unavailable`
 */
export async function redactMessage(
  context: OperationContext,
  caller: Caller,
  { conversationId, clientMessageId, messageId }: RedactionRequest,
): Promise<ConversationRow> {
  const key = keyOf(caller, conversationId, clientMessageId);
  const [outcome] = await appendAuthorized(context, [
    {
      key,
      kind: ENTRY_KINDS.redacted,
      async authorize() {
        const participation = await authorizeMember(context, caller, conversationId, undefined, messageId);
        const query = { after: messageId - 1, before: messageId + 1, order: "ascending" } as const;
        const [target] = isVisible(participation, messageId)
          ? await context.messages.read({ conversationId, ...query, limit: 1, maxBytes: 1 })
          : [];
        if (target === undefined) throw new ChatError("not_found", "There is no such message.");
        if (!isSendableKind(target.kind)) {
          throw new ChatError("invalid_argument", "Only messages can be redacted.");
        }
        const { type, role, membershipVersion } = participation;
        const own = target.senderId === caller.userId;
        // As the application itself everybody's, in direct conversations too.
        if (caller.isSystem !== true) assertMay(role, type, { what: "redact-message", own });
        if (target.redacted === true) throw new AlreadyRedacted();
        await authorizeOnce(context, caller, key, { operation: "redact-message", conversationId });
        return {
          createdAt: context.runtime.clock.now(),
          countsAsUnread: false,
          membershipVersion,
          redaction: { messageId },
        };
      },
    },
  ]);
  if (outcome?.status === "refused" && !(outcome.error instanceof AlreadyRedacted)) throw outcome.error;
  return rowFor(context, caller, conversationId);
}
