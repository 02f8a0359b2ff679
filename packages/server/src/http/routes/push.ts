import { LIMITS } from "@chat/protocol";
import { getPush, setPush } from "../../operations/push-subscriptions.js";
import { answerOf } from "../answer-schemas.js";
import { data, text } from "../json-field.js";
import { defineRoute } from "../route.js";

export const pushRoutes = [
  defineRoute({
    method: "GET",
    path: "/push",
    operationId: "getPush",
    summary: "Get how pushes reach the device",
    description:
      "The push providers of this server, with what a device needs in order to subscribe, and the one that the device of Chat-Device-Id is subscribed with.",
    answer: answerOf("PushState"),
    errors: ["invalid_argument"],
    counts: "read",
    run: ({ context, caller }) => getPush(context, caller),
  }),
  defineRoute({
    method: "PUT",
    path: "/push",
    operationId: "subscribePush",
    summary: "Subscribe to pushes",
    description:
      "Subscribes the device of Chat-Device-Id, in place of what it had. A place belongs to one user: who had it before has it no longer. May be repeated.",
    body: {
      provider: text("The name of the provider, `web-push` say."),
      target: data(
        `What it sends to, of the Web Push API the PushSubscription: up to ${LIMITS.dataBytes} bytes.`,
      ),
    },
    answer: answerOf("PushState"),
    errors: ["invalid_argument", "data_invalid", "limit_exceeded"],
    counts: "write",
    run: ({ context, caller, body }) => setPush(context, caller, body),
  }),
  defineRoute({
    method: "DELETE",
    path: "/push",
    operationId: "unsubscribePush",
    summary: "Unsubscribe from pushes",
    description: "Takes the subscription of the device of Chat-Device-Id back. May be repeated.",
    answer: answerOf("PushState"),
    errors: ["invalid_argument"],
    counts: "write",
    run: ({ context, caller }) => setPush(context, caller, {}),
  }),
];
