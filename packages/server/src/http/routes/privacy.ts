import { LIMITS } from "@chat/protocol";
import { getPrivacy, setPrivacy } from "../../operations/set-privacy.js";
import { answerOf } from "../answer-schemas.js";
import { bool, id, list, optional } from "../json-field.js";
import { defineRoute } from "../route.js";

export const privacyRoutes = [
  defineRoute({
    method: "GET",
    path: "/privacy",
    operationId: "getPrivacy",
    summary: "Get what is told to others",
    description: "What the caller tells others, in all conversations that say nothing else.",
    answer: answerOf("UserPrivacy"),
    errors: [],
    counts: "read",
    run: ({ context, caller }) => getPrivacy(context, caller),
  }),
  defineRoute({
    method: "PUT",
    path: "/privacy",
    operationId: "setPrivacy",
    summary: "Set what is told to others",
    description:
      "What the caller tells others, for all devices and all conversations that say nothing else. What is absent stays; what was told stays told.",
    body: {
      typing: optional(bool("Whether they are told that the caller is writing.")),
      readReceipts: optional(bool("Whether they are told how far the caller has read.")),
      block: optional(list(id("A user."), LIMITS.blockedUsers, "Whom to block from now on.")),
      unblock: optional(list(id("A user."), LIMITS.blockedUsers, "Whom to block no longer.")),
    },
    answer: answerOf("UserPrivacy"),
    errors: ["limit_exceeded"],
    counts: "write",
    run: ({ context, caller, body }) => setPrivacy(context, caller, body),
  }),
];
