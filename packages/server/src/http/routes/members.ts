import { LIMITS, ROLES } from "@chat/protocol";
import { addMembers, removeMembers } from "../../operations/change-members.js";
import { listMembers } from "../../operations/list-members.js";
import { setRole } from "../../operations/set-role.js";
import { answerOf } from "../answer-schemas.js";
import { id, list, word } from "../json-field.js";
import { defineRoute } from "../route.js";
import { clientMessageId, conversationId, DEFAULT_LIMIT, limit, page } from "./fields.js";

const body = { clientMessageId, members: list(id("A user."), LIMITS.membersPerRequest, "Whom it concerns.") };

export const memberRoutes = [
  defineRoute({
    method: "GET",
    path: "/conversations/{conversationId}/members",
    operationId: "listMembers",
    summary: "List members",
    description: "One page of a conversation's members, by user id. For members only.",
    parameters: { conversationId },
    query: { limit: limit(LIMITS.membersPerRequest), page },
    answer: answerOf("Members"),
    errors: ["not_found", "forbidden", "cursor_invalid"],
    counts: "list",
    run: ({ context, caller, path, query }) =>
      listMembers(context, caller, { ...path, ...query, limit: query.limit ?? DEFAULT_LIMIT }),
  }),
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/members",
    operationId: "addMembers",
    summary: "Add members",
    description:
      "Adds members to a group; owners and admins may. Who is a member already stays one. They see what is said from then on, or all if the `historyVisibility` is `all`.",
    parameters: { conversationId },
    body,
    answer: answerOf("ConversationRow"),
    errors: ["not_found", "forbidden", "blocked", "conflict", "limit_exceeded", "membership_moved"],
    counts: "write",
    run: ({ context, caller, path, body }) => addMembers(context, caller, { ...path, ...body }),
  }),
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/members/remove",
    operationId: "removeMembers",
    summary: "Remove members, or leave",
    description:
      "Removes members of a group; its owner and admins may, only the owner removes admins, and everybody may remove themselves. They keep what they have seen. If the owner leaves, the longest-serving admin, else member, owns the group.",
    parameters: { conversationId },
    body,
    answer: answerOf("ConversationRow"),
    errors: ["not_found", "forbidden", "conflict", "membership_moved"],
    counts: "write",
    run: ({ context, caller, path, body }) => removeMembers(context, caller, { ...path, ...body }),
  }),
  defineRoute({
    method: "POST",
    path: "/conversations/{conversationId}/members/role",
    operationId: "setRole",
    summary: "Set the role of members",
    description:
      "Gives members of a group a role; its owner may, and an admin may step down. `owner` for one member hands the group over, and makes its owner an admin.",
    parameters: { conversationId },
    body: { ...body, role: word(ROLES, "The role that they are to have.") },
    answer: answerOf("ConversationRow"),
    errors: ["not_found", "forbidden", "conflict", "membership_moved"],
    counts: "write",
    run: ({ context, caller, path, body }) => setRole(context, caller, { ...path, ...body }),
  }),
];
