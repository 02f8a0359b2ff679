import { CONVERSATION_TYPES, HISTORY_VISIBILITIES, LIMITS, newUuid } from "@chat/protocol";
import { createConversation } from "../../operations/create-conversation.js";
import { getConversation } from "../../operations/get-conversation.js";
import { listChanges, listConversations } from "../../operations/list-conversations.js";
import { updateConversation } from "../../operations/update-conversation.js";
import { answerOf } from "../answer-schemas.js";
import { data, id, list, optional, text, word } from "../json-field.js";
import { defineRoute } from "../route.js";
import { clientMessageId, conversationId, DEFAULT_LIMIT, limit, page } from "./fields.js";

export const conversationRoutes = [
  defineRoute({
    method: "GET",
    path: "/conversations",
    operationId: "listConversations",
    summary: "List conversations",
    description:
      "One page of the caller's conversations, newest activity first. The `cursor` of the first page is where `GET /conversation-changes` goes on.",
    query: { limit: limit(LIMITS.pageRows), page },
    answer: answerOf("Conversations"),
    errors: ["cursor_invalid"],
    counts: "list",
    run: ({ context, caller, query }) =>
      listConversations(context, caller, { ...query, limit: query.limit ?? DEFAULT_LIMIT }),
  }),
  defineRoute({
    method: "GET",
    path: "/conversation-changes",
    operationId: "listChanges",
    summary: "List what changed",
    description:
      "The caller's conversations that changed since a cursor, in the order of their changes, also those that the caller has left since.",
    query: { limit: limit(LIMITS.pageRows), cursor: text("The `cursor` of an earlier answer.") },
    answer: answerOf("ConversationChanges"),
    errors: ["cursor_invalid"],
    counts: "list",
    run: ({ context, caller, query }) =>
      listChanges(context, caller, { ...query, limit: query.limit ?? DEFAULT_LIMIT }),
  }),
  defineRoute({
    method: "POST",
    path: "/conversations",
    operationId: "createConversation",
    summary: "Create a conversation",
    description:
      "Creates a conversation with the caller as its owner. One that the caller is or was in already is answered as it is; for a direct one look at the id in the answer, which is the one that the pair has.",
    body: {
      type: word(CONVERSATION_TYPES, "`direct` takes exactly one other user."),
      conversationId: optional(
        id("Chosen by the application; a UUID by default. Name it to repeat the request safely."),
      ),
      clientMessageId,
      members: list(id("A user."), LIMITS.membersPerRequest, "The members besides the caller."),
      name: optional(text(`Up to ${LIMITS.nameCharacters} characters.`)),
      data: optional(data(`The application's own: up to ${LIMITS.dataBytes} bytes.`)),
      historyVisibility: optional(
        word(
          HISTORY_VISIBILITIES,
          "Whether those who join a group see what was before; `joined` by default.",
        ),
      ),
    },
    answer: answerOf("ConversationRow"),
    errors: ["blocked", "unblock_first", "conflict", "limit_exceeded", "data_invalid"],
    counts: "write",
    run: ({ context, caller, body }) =>
      createConversation(context, caller, {
        ...body,
        conversationId: body.conversationId ?? newUuid(context.runtime.random),
      }),
  }),
  defineRoute({
    method: "GET",
    path: "/conversations/{conversationId}",
    operationId: "getConversation",
    summary: "Get a conversation",
    description: "One conversation that the caller is or was a member of.",
    parameters: { conversationId },
    answer: answerOf("ConversationRow"),
    errors: ["not_found"],
    counts: "read",
    revalidates: true,
    run: ({ context, caller, path }) => getConversation(context, caller, path.conversationId),
  }),
  defineRoute({
    method: "PATCH",
    path: "/conversations/{conversationId}",
    operationId: "updateConversation",
    summary: "Update a conversation",
    description:
      "Changes what is named; the rest stays. Owners and admins of a group may; in a direct conversation both, but only `data`.",
    parameters: { conversationId },
    body: {
      clientMessageId,
      name: optional(text(`Up to ${LIMITS.nameCharacters} characters; an empty one removes the name.`)),
      data: optional(
        data(`Replaces the data as a whole: up to ${LIMITS.dataBytes} bytes. An empty object removes it.`),
      ),
      historyVisibility: optional(
        word(HISTORY_VISIBILITIES, "Whether those who join from now on see what was before."),
      ),
    },
    answer: answerOf("ConversationRow"),
    errors: ["not_found", "forbidden", "conflict", "data_invalid", "membership_moved"],
    counts: "write",
    run: ({ context, caller, path, body }) => updateConversation(context, caller, { ...path, ...body }),
  }),
];
