import { LIMITS } from "@chat/protocol";
import { muteConversation } from "../../operations/mute-conversation.js";
import { PRIVACY_CHOICES, setConversationPrivacy } from "../../operations/set-privacy.js";
import { countReceipts, listReceipts, sendReceipt } from "../../operations/receipts.js";
import { answerOf } from "../answer-schemas.js";
import { bool, integer, optional, word } from "../json-field.js";
import { defineRoute } from "../route.js";
import { conversationId, DEFAULT_LIMIT, limit, page } from "./fields.js";

export const receiptRoutes = [
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/receipt",
    operationId: "sendReceipt",
    summary: "Mark as delivered, read or unread",
    description:
      "Says how far the caller has come. Watermarks only rise: what lies below changes nothing, so the request may be repeated. Answered once it is durable.",
    parameters: { conversationId },
    body: {
      delivered: optional(integer("Everything up to this messageId is on a device of the caller.")),
      read: optional(integer("The caller has read everything up to this messageId.")),
      unreadFrom: optional(
        integer(
          "Marks the conversation as unread from this messageId on, one of the newest 1,000; 0 takes the mark off.",
        ),
      ),
    },
    answer: answerOf("OwnReceipt"),
    errors: ["not_found", "forbidden", "diverged", "limit_exceeded"],
    counts: "write",
    run: ({ context, caller, path, body: { unreadFrom, ...watermarks } }) =>
      sendReceipt(context, caller, {
        ...path,
        ...watermarks,
        ...(unreadFrom !== undefined && { mark: unreadFrom === 0 ? {} : { from: unreadFrom } }),
      }),
  }),
  defineRoute({
    method: "PUT",
    path: "/conversations/{conversationId}/mute",
    operationId: "muteConversation",
    summary: "Mute, or no longer",
    description:
      "The caller wants to hear nothing of a conversation for a time: nothing of it is notified but messages that mention the caller. It counts as unread and is listed as ever. Shown to the caller alone; ends with the membership.",
    parameters: { conversationId },
    body: {
      until: optional(
        integer(
          "Wall-clock milliseconds since 1970, 2^53 − 1 for ever; absent or over: it is muted no longer.",
        ),
      ),
      mentionsMuted: optional(bool("True: messages that mention the caller are not notified either.")),
    },
    answer: answerOf("OwnReceipt"),
    errors: ["not_found", "forbidden"],
    counts: "write",
    run: ({ context, caller, path, body }) => muteConversation(context, caller, { ...path, ...body }),
  }),
  defineRoute({
    method: "PUT",
    path: "/conversations/{conversationId}/privacy",
    operationId: "setConversationPrivacy",
    summary: "Set what is told in a conversation",
    description:
      "What the caller tells the others of one conversation, in place of what holds everywhere. What is absent stays. Shown to the caller alone; ends with the membership.",
    parameters: { conversationId },
    body: {
      typing: optional(word(PRIVACY_CHOICES, "Whether they are told that the caller is writing.")),
      readReceipts: optional(word(PRIVACY_CHOICES, "Whether they are told how far the caller has read.")),
    },
    answer: answerOf("OwnReceipt"),
    errors: ["not_found", "forbidden"],
    counts: "write",
    run: ({ context, caller, path, body }) => setConversationPrivacy(context, caller, { ...path, ...body }),
  }),
  defineRoute({
    method: "GET",
    path: "/conversations/{conversationId}/receipts",
    operationId: "listReceipts",
    summary: "List receipts",
    description: "One page of how far the members of a conversation have come, by user id. For members only.",
    parameters: { conversationId },
    query: { limit: limit(LIMITS.membersPerRequest), page },
    answer: answerOf("Receipts"),
    errors: ["not_found", "forbidden", "cursor_invalid"],
    counts: "list",
    run: ({ context, caller, path, query }) =>
      listReceipts(context, caller, { ...path, ...query, limit: query.limit ?? DEFAULT_LIMIT }),
  }),
  defineRoute({
    method: "GET",
    path: "/conversations/{conversationId}/messages/{messageId}/receipt-counts",
    operationId: "countReceipts",
    summary: "Count receipts",
    description:
      "How many members have received and read everything up to a message. Its sender and those who joined later count, too. For members only.",
    parameters: { conversationId, messageId: integer("The message.") },
    answer: answerOf("ReceiptCounts"),
    errors: ["not_found", "forbidden"],
    counts: "list",
    run: ({ context, caller, path }) => countReceipts(context, caller, path),
  }),
];
