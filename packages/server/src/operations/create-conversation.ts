import {
  assertId,
  ChatError,
  type ConversationRow,
  type ConversationType,
  ENTRY_KINDS,
  LIMITS,
} from "@chat/protocol";
import type { ConversationUpdate } from "../store/message-store.js";
import { appendAuthorized } from "./append-authorized.js";
import { getConversation } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertConversationUpdate } from "./update-conversation.js";

/** A conversation to be created. */
export interface CreateConversationRequest extends ConversationUpdate {
  readonly type: ConversationType;
  readonly conversationId: string;
  readonly clientMessageId: string;
  /** The members besides the caller. */
  readonly members: readonly string[];
}

/**
 * Creates a conversation with the caller as its owner, in two steps that may be repeated: reserve the id (and the pair),
 * then append the `created` entry. Of two who race for a pair, one creates it, and both get it.
 * An id that the caller is a member of already is answered with what is there.
 * @throws ChatError `invalid_argument`, `data_invalid`, `limit_exceeded`, `conflict` (the id is somebody else's), `store_unavailable`
 */
export async function createConversation(
  context: OperationContext,
  caller: Caller,
  request: CreateConversationRequest,
): Promise<ConversationRow> {
  const others = [...new Set(request.members)].filter((userId) => userId !== caller.userId);
  assertRequest(request, others);
  if (others.length + 1 > context.settings.groupMembers) {
    throw new ChatError(
      "limit_exceeded",
      `A conversation may have ${context.settings.groupMembers} members.`,
    );
  }
  const { type, name, data, historyVisibility } = request;
  const createdAt = context.runtime.clock.now();
  const held = await context.conversations.reserve({
    conversationId: request.conversationId,
    type,
    creatorId: caller.userId,
    createdAt,
    ...(type === "direct" && { pair: [caller.userId, others[0]!] as const }),
    ...(name !== undefined && { name }),
    ...(data !== undefined && { data }),
    ...(historyVisibility !== undefined && { historyVisibility }),
  });
  const { conversationId } = held;
  if (!held.reserved) {
    const row = await context.conversations.row(caller.userId, conversationId);
    if (row !== undefined) return row;
    const mayGoOn = held.type === type && (type === "direct" || held.creatorId === caller.userId);
    if (!mayGoOn) throw conflict();
  }
  const add = [caller.userId, ...others].map((userId, index) => ({
    userId,
    role: index === 0 ? ("owner" as const) : ("member" as const),
  }));
  const outcomes = await appendAuthorized(context, [
    {
      key: keyOf(caller, conversationId, request.clientMessageId),
      kind: ENTRY_KINDS.created,
      async authorize() {
        // Whoever created it meanwhile moved the membership from 0: then there is nothing left to do here.
        const state = (await context.messages.heads([conversationId])).get(conversationId);
        if (state !== undefined && state.head > 0) throw conflict();
        return {
          data: { members: add.map(({ userId }) => userId) },
          createdAt,
          countsAsUnread: false,
          membershipVersion: 0,
          membership: { add, remove: [] },
        };
      },
    },
  ]);
  const outcome = outcomes[0]!;
  if (outcome.status === "refused") {
    const row = await context.conversations.row(caller.userId, conversationId);
    if (row === undefined) throw outcome.error;
    return row;
  }
  return getConversation(context, caller, conversationId);
}

function conflict(): ChatError {
  return new ChatError("conflict", "This conversation id is taken; choose another.");
}

function assertRequest(request: CreateConversationRequest, others: readonly string[]): void {
  assertId(request.conversationId, "conversationId");
  for (const userId of others) assertId(userId, "A member's user id");
  assertConversationUpdate(request);
  if (request.type === "direct") {
    if (others.length !== 1) {
      throw new ChatError("invalid_argument", "A direct conversation takes exactly one other user.");
    }
    if (request.name !== undefined || request.historyVisibility !== undefined) {
      throw new ChatError("invalid_argument", "A direct conversation has no name and no historyVisibility.");
    }
  }
  if (others.length > LIMITS.membersPerRequest) {
    throw new ChatError(
      "invalid_argument",
      `Name at most ${LIMITS.membersPerRequest} members at once; add the others later.`,
    );
  }
}
