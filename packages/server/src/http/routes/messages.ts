import { LIMITS } from "@chat/protocol";
import { sendWithinRate } from "../../admission/send-within-rate.js";
import { getRange } from "../../operations/get-range.js";
import { redactMessage } from "../../operations/redact-message.js";
import { answerOf } from "../answer-schemas.js";
import { data, id, integer, list, optional, text } from "../json-field.js";
import { defineRoute } from "../route.js";
import { clientMessageId, conversationId, DEFAULT_LIMIT, limit } from "./fields.js";

export const messageRoutes = [
  defineRoute({
    method: "GET",
    path: "/conversations/{conversationId}/messages",
    operationId: "getRange",
    summary: "Read history",
    description:
      "A span of the log, after, before or around an id; without any of them the newest entries. It says everything there is in (after, through] for the caller, and may end early; ask on from there.",
    parameters: { conversationId },
    query: {
      limit: limit(LIMITS.rangeEntries),
      after: optional(integer("Entries above this id, the oldest of them first.")),
      before: optional(integer("Entries below this id, the newest of them.")),
      around: optional(integer("The entry with this id, and as many on both sides.")),
    },
    answer: answerOf("Range"),
    errors: ["not_found", "diverged"],
    counts: "read",
    revalidates: true,
    run({ context, caller, path, query }) {
      const isNewest = query.after === undefined && query.before === undefined && query.around === undefined;
      return getRange(context, caller, {
        ...path,
        ...query,
        limit: query.limit ?? DEFAULT_LIMIT,
        ...(isNewest && { before: Number.MAX_SAFE_INTEGER }),
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/messages",
    operationId: "sendMessage",
    summary: "Send a message",
    description:
      "Stores a message. The answer comes when it is durable. It needs text or data. Repeat the request with the same clientMessageId until it is answered: it is stored once.",
    parameters: { conversationId },
    body: {
      clientMessageId,
      text: optional(text("Unicode text; 4,096 code points at most unless the server sets another figure.")),
      kind: optional(
        text("`text` by default, or the application's own: `x-` and 1 to 30 of a–z, 0–9, hyphen."),
      ),
      data: optional(data(`The application's own: up to ${LIMITS.dataBytes} bytes.`)),
      replyTo: optional(integer("The messageId of the entry that this one answers.")),
      mentions: optional(
        list(
          id("A member of the conversation."),
          LIMITS.mentionsPerMessage,
          "The users whom it mentions; one who is no member makes it be refused.",
        ),
      ),
    },
    answer: answerOf("StoredMessage"),
    errors: [
      "not_found",
      "forbidden",
      "blocked",
      "unblock_first",
      "conflict",
      "text_empty",
      "text_too_long",
      "text_malformed",
      "data_invalid",
      "mention_unknown",
      "membership_moved",
    ],
    // Takes off the rates itself, once the key was looked up: a resend is no new message.
    async run({ context, caller, allowance, tally, path, body }) {
      const [outcome] = await sendWithinRate(context, allowance, caller, path.conversationId, [body]);
      if (outcome!.status === "refused") throw outcome!.error;
      tally.acknowledged++;
      const { messageId, createdAt, redacted } = outcome!.entry;
      return { messageId, createdAt, ...(redacted && { redacted }) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/messages/{messageId}/redact",
    operationId: "redactMessage",
    summary: "Redact a message",
    description:
      "Takes the body of a message away, for everybody and for good: a tombstone stays under its id. Its sender may, and in a group owners and admins. Redacting what is redacted changes nothing.",
    parameters: { conversationId, messageId: integer("The message.") },
    body: { clientMessageId },
    answer: answerOf("ConversationRow"),
    errors: ["not_found", "forbidden", "conflict", "membership_moved"],
    counts: "write",
    run: ({ context, caller, path, body }) => redactMessage(context, caller, { ...path, ...body }),
  }),
];
