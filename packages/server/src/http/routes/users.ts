import { LIMITS } from "@chat/protocol";
import { getUsers, setProfile } from "../../operations/user-profiles.js";
import { answerOf } from "../answer-schemas.js";
import { data, id, list, optional, text } from "../json-field.js";
import { defineRoute } from "../route.js";

export const userRoutes = [
  defineRoute({
    method: "GET",
    path: "/users",
    operationId: "getUsers",
    summary: "Get profiles",
    description:
      "The profiles of some users. One without a profile has version 0, as has one that never existed.",
    query: { userId: list(id("A user."), LIMITS.usersPerRequest, "Whose; repeat the name for several.") },
    answer: answerOf("Users"),
    errors: [],
    counts: "read",
    run: async ({ context, caller, query }) => ({
      items: await getUsers(
        context,
        caller,
        query.userId.map((userId) => ({ userId })),
      ),
    }),
  }),
  defineRoute({
    method: "PUT",
    path: "/profile",
    operationId: "setProfile",
    summary: "Set the own profile",
    description: "Replaces the caller's own profile: what is absent is removed.",
    body: {
      name: optional(text(`Up to ${LIMITS.nameCharacters} characters.`)),
      avatarUrl: optional(text(`An http or https URL of up to ${LIMITS.urlBytes} bytes.`)),
      data: optional(data(`The application's own: up to ${LIMITS.dataBytes} bytes.`)),
    },
    answer: answerOf("UserProfile"),
    errors: ["data_invalid"],
    counts: "write",
    run: ({ context, caller, body }) => setProfile(context, caller, body),
  }),
];
