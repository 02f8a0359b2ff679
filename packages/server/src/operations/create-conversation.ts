import {
  assertId,
  ChatError,
  type ConversationRow,
  type ConversationType,
  ENTRY_KINDS,
  LIMITS,
  newUuid,
} from "@chat/protocol";
import type { ConversationUpdate } from "../store/message-store.js";
import { appendAuthorized } from "./append-authorized.js";
import { assertNoneBlocks } from "./assert-not-blocked.js";
import { authorizeOnce } from "./authorize-once.js";
import { assertMember } from "./change-members.js";
import { rowFor } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext, viewerOf } from "./operation-context.js";
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
 * @param createdAt wall-clock ms; other than now of what is imported
 * @throws ChatError `invalid_argument`, `data_invalid`, `limit_exceeded`, `conflict` (the id is somebody else's), `blocked`,
 * `unblock_first` (a direct one), `store_unavailable`
 */
export async function createConversation(
  context: OperationContext,
  caller: Caller,
  request: CreateConversationRequest,
  createdAt: number = context.runtime.clock.now(),
): Promise<ConversationRow> {
  const named = [...new Set(request.members)];
  const others = named.filter((userId) => userId !== caller.userId);
  // The application's own conversations are among users: the first of them owns it.
  const members = caller.isSystem === true ? named : [caller.userId, ...others];
  assertRequest(request, members, named.length);
  await authorizeOnce(context, caller, keyOf(caller, request.conversationId, request.clientMessageId), {
    operation: "create-conversation",
    conversationId: request.conversationId,
    members: others,
  });
  if (members.length > context.settings.groupMembers) {
    throw new ChatError(
      "limit_exceeded",
      `A conversation may have ${context.settings.groupMembers} members.`,
    );
  }
  const { type, name, data, historyVisibility } = request;
  const reserve = (conversationId: string) =>
    context.conversations.reserve({
      conversationId,
      type,
      creatorId: caller.userId,
      createdAt,
      ...(type === "direct" && { pair: [members[0]!, members[1]!] as const }),
      ...(name !== undefined && { name }),
      ...(data !== undefined && { data }),
      ...(historyVisibility !== undefined && { historyVisibility }),
    });
  await assertReachable(context, caller, request.conversationId);
  const held = await reserve(request.conversationId);
  const { conversationId } = held;
  if (!held.reserved) {
    const row = await context.conversations.row(viewerOf(caller), conversationId);
    if (row !== undefined) return row;
    // Mostly it was interrupted here. But the id may be another pair's: by any other id this pair is given what is its own.
    const isOwn = async (): Promise<boolean> =>
      type === "group"
        ? held.creatorId === caller.userId
        : (await reserve(newUuid(context.runtime.random))).conversationId === conversationId;
    if (held.type !== type || !(await isOwn())) throw conflict();
  }
  await assertNoneBlocks(context, caller, others, type === "direct");
  const add = members.map((userId, index) => ({
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
          data: {
            members: [...members],
            ...(caller.isSystem === true && { roles: [[members[0]!, "owner"]] }),
          },
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
    const row = await context.conversations.row(viewerOf(caller), conversationId);
    if (row === undefined) throw outcome.error;
    return row;
  }
  const row = await context.conversations.row(viewerOf(caller), conversationId);
  if (row !== undefined) return row;
  // Stored in a log that lies in another store, while the row could not be moved on: whoever asks for the head has that done.
  await context.messages.heads([conversationId]);
  return rowFor(context, caller, conversationId);
}

/**
 * `.` and `..` are steps in a path for every URL parser, percent-encoded too, so that the HTTP service could not be asked for
 * them. What is there from before stays.
 */
async function assertReachable(
  context: OperationContext,
  caller: Caller,
  conversationId: string,
): Promise<void> {
  if (conversationId !== "." && conversationId !== "..") return;
  if ((await context.conversations.row(viewerOf(caller), conversationId)) !== undefined) return;
  throw new ChatError("invalid_argument", "A conversation can't be called . or ..: choose another id.");
}

function conflict(): ChatError {
  return new ChatError("conflict", "This conversation id is taken; choose another.");
}

function assertRequest(request: CreateConversationRequest, members: readonly string[], named: number): void {
  assertId(request.conversationId, "conversationId");
  for (const userId of members) assertMember(userId);
  assertConversationUpdate(request);
  if (request.type === "direct") {
    if (members.length !== 2) {
      throw new ChatError("invalid_argument", "A direct conversation has exactly two users.");
    }
    if (request.name !== undefined || request.historyVisibility !== undefined) {
      throw new ChatError("invalid_argument", "A direct conversation has no name and no historyVisibility.");
    }
  }
  if (members.length === 0)
    throw new ChatError("invalid_argument", "Name at least one member: the first owns the group.");
  if (named > LIMITS.membersPerRequest) {
    throw new ChatError(
      "invalid_argument",
      `Name at most ${LIMITS.membersPerRequest} members at once; add the others later.`,
    );
  }
}
