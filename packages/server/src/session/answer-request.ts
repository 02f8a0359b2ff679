import type { ClientFrame, ServerFrame } from "@chat/protocol";
import type { OperationClass } from "../admission/operation-rates.js";
import { addMembers, removeMembers } from "../operations/change-members.js";
import { createConversation } from "../operations/create-conversation.js";
import { getConversation } from "../operations/get-conversation.js";
import { getRange } from "../operations/get-range.js";
import { listChanges, listConversations } from "../operations/list-conversations.js";
import { listMembers } from "../operations/list-members.js";
import type { Recipient } from "../delivery/recipient.js";
import type { Caller, OperationContext } from "../operations/operation-context.js";
import { muteConversation } from "../operations/mute-conversation.js";
import { setConversationPrivacy, setPrivacy } from "../operations/set-privacy.js";
import { setPresence, watchPresence } from "../operations/presence.js";
import { getPush, setPush } from "../operations/push-subscriptions.js";
import { countReceipts, sendReceipts } from "../operations/receipts.js";
import { redactMessage } from "../operations/redact-message.js";
import { setRole } from "../operations/set-role.js";
import { updateConversation } from "../operations/update-conversation.js";
import { getUsers, setProfile } from "../operations/user-profiles.js";

/** The requests that are one question and one answer; hello, ping, send-message, set-typing and refresh-token are the session's own. */
export type PlainRequest = Exclude<
  ClientFrame,
  { type: "hello" | "ping" | "send-message" | "set-typing" | "refresh-token" }
>;

const CLASSES: Readonly<Record<PlainRequest["type"], OperationClass>> = {
  "get-range": "read",
  "get-conversation": "read",
  "get-users": "read",
  "list-conversations": "list",
  "list-changes": "list",
  "list-members": "list",
  "create-conversation": "write",
  "add-members": "write",
  "remove-members": "write",
  "update-conversation": "write",
  "set-role": "write",
  "set-profile": "write",
  "redact-message": "write",
  "send-receipts": "write",
  "count-receipts": "list",
  "watch-presence": "list",
  "set-presence": "write",
  "mute-conversation": "write",
  "set-privacy": "write",
  "set-conversation-privacy": "write",
  "get-push": "read",
  "set-push": "write",
};

/** What a request is counted as. */
export function classOf(request: PlainRequest): OperationClass {
  return CLASSES[request.type];
}

/**
 * Carries out one request and gives the frame that answers it: the only switch on the type of a frame.
 * @throws ChatError as the operation does
 */
export async function answerRequest(
  context: OperationContext,
  caller: Caller & Recipient,
  request: PlainRequest,
): Promise<ServerFrame> {
  const { requestId } = request;
  switch (request.type) {
    case "get-range":
      return { type: "range", requestId, ...(await getRange(context, caller, request)) };
    case "list-conversations": {
      const { items, cursor, next } = await listConversations(context, caller, request);
      return { type: "conversations", requestId, rows: items, cursor, ...(next !== undefined && { next }) };
    }
    case "list-changes":
      return { type: "changes", requestId, ...(await listChanges(context, caller, request)) };
    case "create-conversation": {
      const row = await createConversation(context, caller, { ...request, type: request.conversationType });
      return { type: "conversation", requestId, row };
    }
    case "get-conversation":
      return {
        type: "conversation",
        requestId,
        row: await getConversation(context, caller, request.conversationId),
      };
    case "add-members":
      return { type: "conversation", requestId, row: await addMembers(context, caller, request) };
    case "remove-members":
      return { type: "conversation", requestId, row: await removeMembers(context, caller, request) };
    case "update-conversation":
      return { type: "conversation", requestId, row: await updateConversation(context, caller, request) };
    case "set-role":
      return { type: "conversation", requestId, row: await setRole(context, caller, request) };
    case "redact-message":
      return { type: "conversation", requestId, row: await redactMessage(context, caller, request) };
    case "send-receipts":
      return {
        type: "receipts",
        requestId,
        ...(await sendReceipts(context, caller, request.receipts)),
      };
    case "count-receipts":
      return { type: "receipt-counts", requestId, ...(await countReceipts(context, caller, request)) };
    case "mute-conversation": {
      const receipts = [await muteConversation(context, caller, request)];
      return { type: "receipts", requestId, receipts, refused: [] };
    }
    case "set-privacy":
      return { type: "privacy", requestId, privacy: await setPrivacy(context, caller, request) };
    case "set-conversation-privacy": {
      const receipts = [await setConversationPrivacy(context, caller, request)];
      return { type: "receipts", requestId, receipts, refused: [] };
    }
    case "watch-presence":
      return { type: "presences", requestId, presences: await watchPresence(context, caller, request) };
    case "set-presence":
      return { type: "presences", requestId, presences: [await setPresence(context, caller, request)] };
    case "get-push":
      return { type: "push", requestId, ...(await getPush(context, caller)) };
    case "set-push":
      return { type: "push", requestId, ...(await setPush(context, caller, request)) };
    case "list-members": {
      const { items, next } = await listMembers(context, caller, request);
      return { type: "members", requestId, members: items, ...(next !== undefined && { next }) };
    }
    case "get-users":
      return { type: "users", requestId, profiles: await getUsers(context, caller, request.users) };
    case "set-profile":
      return { type: "users", requestId, profiles: [await setProfile(context, caller, request)] };
  }
}
