import { ChatError, LIMITS } from "@chat/protocol";
import { addMembers } from "./change-members.js";
import { createConversation } from "./create-conversation.js";
import { IMPORTER, stepKey } from "./import-key.js";
import type { ImportedConversation } from "./import-row.js";
import { keyOf, type OperationContext } from "./operation-context.js";
import { setRole } from "./set-role.js";

/**
 * Creates a conversation with its members and admins, in steps of which each has a key of its own: repeated, it goes on where it
 * ended, and takes nothing back that has changed since. A conversation that was there before stays as it is.
 * @throws ChatError `invalid_argument`, `data_invalid`, `limit_exceeded`, `conflict` (the id belongs to another kind of conversation, or the
 * pair has one under another id), `store_unavailable`
 */
export async function importConversation(
  context: OperationContext,
  row: ImportedConversation,
): Promise<void> {
  const { conversationId, conversationType: type, name, data, historyVisibility } = row;
  const members = [...new Set(row.members)];
  const admins = [...new Set(row.admins ?? [])];
  if (members.length > context.settings.groupMembers) {
    throw new ChatError(
      "limit_exceeded",
      `A conversation may have ${context.settings.groupMembers} members.`,
    );
  }
  const present = new Set(members);
  if (admins.some((userId) => !present.has(userId)) || (type === "direct" && admins.length > 0)) {
    throw new ChatError("invalid_argument", "Admins are members of a group.");
  }
  const created = stepKey("create");
  const { conversationId: held, type: heldType } = await createConversation(
    context,
    IMPORTER,
    {
      conversationId,
      clientMessageId: created,
      type,
      members: members.slice(0, LIMITS.membersPerRequest),
      ...(name !== undefined && { name }),
      ...(data !== undefined && { data }),
      ...(historyVisibility !== undefined && { historyVisibility }),
    },
    row.createdAt,
  );
  if (heldType !== type) {
    throw new ChatError("conflict", `${conversationId} is there already, as another type of conversation.`);
  }
  if (held !== conversationId) {
    throw new ChatError("conflict", `The two have the conversation ${held} already; import into that one.`);
  }
  const wasCreatedHere = await context.messages.find(keyOf(IMPORTER, conversationId, created));
  if (wasCreatedHere === undefined) return;
  for (let at = LIMITS.membersPerRequest; at < members.length; at += LIMITS.membersPerRequest) {
    await addMembers(context, IMPORTER, {
      conversationId,
      clientMessageId: stepKey(`members ${at}`),
      members: members.slice(at, at + LIMITS.membersPerRequest),
    });
  }
  if (admins.length === 0) return;
  const clientMessageId = stepKey("admins");
  if ((await context.messages.find(keyOf(IMPORTER, conversationId, clientMessageId))) !== undefined) return;
  await setRole(context, IMPORTER, { conversationId, clientMessageId, members: admins, role: "admin" });
}
