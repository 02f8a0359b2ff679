import {
  assertData,
  ChatError,
  type ConversationRow,
  ENTRY_KINDS,
  fitsCharacters,
  HISTORY_VISIBILITIES,
  isWellFormed,
  type JsonObject,
  LIMITS,
} from "@chat/protocol";
import type { ConversationUpdate } from "../store/message-store.js";
import { appendAuthorized } from "./append-authorized.js";
import { authorizeMember } from "./authorize-member.js";
import { authorizeOnce } from "./authorize-once.js";
import { rowFor } from "./get-conversation.js";
import { type Caller, keyOf, type OperationContext } from "./operation-context.js";
import { assertMay } from "./permissions.js";

/** What is to change of a conversation; what is absent stays. */
export interface UpdateRequest extends ConversationUpdate {
  readonly conversationId: string;
  /** The idempotency key, a UUID. */
  readonly clientMessageId: string;
}

/** @throws ChatError `invalid_argument`, `data_invalid` */
export function assertConversationUpdate({ name, data, historyVisibility }: ConversationUpdate): void {
  if (name !== undefined && !(fitsCharacters(name, LIMITS.nameCharacters) && isWellFormed(name))) {
    throw new ChatError("invalid_argument", `A name has at most ${LIMITS.nameCharacters} characters.`);
  }
  if (data !== undefined) assertData(data);
  if (historyVisibility !== undefined && !HISTORY_VISIBILITIES.includes(historyVisibility)) {
    throw new ChatError("invalid_argument", `historyVisibility is ${HISTORY_VISIBILITIES.join(" or ")}.`);
  }
}

/**
 * Changes a conversation's name, data or history visibility. Of two who change the same, the later entry of the log stands;
 * who changes the one does not undo the other. In a direct conversation only `data` changes.
 * @throws ChatError `not_found`, `forbidden`, `invalid_argument`, `data_invalid`, `membership_moved`, `store_unavailable`
 */
export async function updateConversation(
  context: OperationContext,
  caller: Caller,
  request: UpdateRequest,
): Promise<ConversationRow> {
  const { conversationId, clientMessageId, name, data, historyVisibility } = request;
  const update: ConversationUpdate = {
    ...(name !== undefined && { name }),
    ...(data !== undefined && { data }),
    ...(historyVisibility !== undefined && { historyVisibility }),
  };
  assertConversationUpdate(update);
  const fields = Object.keys(update) as (keyof ConversationUpdate)[];
  if (fields.length === 0) {
    throw new ChatError("invalid_argument", "Give a name, data or a historyVisibility.");
  }
  const key = keyOf(caller, conversationId, clientMessageId);
  const [outcome] = await appendAuthorized(context, [
    {
      key,
      kind: ENTRY_KINDS.updated,
      async authorize() {
        const { role, type, membershipVersion } = await authorizeMember(context, caller, conversationId);
        assertMay(role, type, { what: "update", fields });
        await authorizeOnce(context, caller, key, { operation: "update-conversation", conversationId });
        return {
          data: update as JsonObject,
          createdAt: context.runtime.clock.now(),
          countsAsUnread: false,
          membershipVersion,
          update,
          // Whoever is being added meanwhile was allowed under the visibility that ends here.
          ...(historyVisibility !== undefined && { membership: { add: [], remove: [] } }),
        };
      },
    },
  ]);
  if (outcome?.status === "refused") throw outcome.error;
  return rowFor(context, caller, conversationId);
}
