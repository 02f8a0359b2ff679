import { LIMITS } from "@chat/protocol";
import { getPresence, setPresence } from "../../operations/presence.js";
import { answerOf } from "../answer-schemas.js";
import { bool, id, list } from "../json-field.js";
import { defineRoute } from "../route.js";

export const presenceRoutes = [
  defineRoute({
    method: "GET",
    path: "/presence",
    operationId: "getPresence",
    summary: "Get presence",
    description:
      "Whether users are there. Whom the caller may not see is left out, as is who does not exist: by default one sees those with whom one shares a conversation.",
    query: {
      userId: list(id("A user."), LIMITS.presencesPerRequest, "Whose; repeat the name for several."),
    },
    answer: answerOf("Presences"),
    errors: [],
    counts: "list",
    run: async ({ context, caller, query }) => ({
      items: await getPresence(context, caller, { userIds: query.userId }),
    }),
  }),
  defineRoute({
    method: "PUT",
    path: "/presence",
    operationId: "setPresence",
    summary: "Be seen, or not",
    description:
      "Whether the caller wants to be seen. Kept for all devices of the caller, until it is set again; others see them as offline meanwhile.",
    body: { invisible: bool("True: seen by nobody.") },
    answer: answerOf("UserPresence"),
    errors: [],
    counts: "write",
    run: ({ context, caller, body }) => setPresence(context, caller, body),
  }),
];
