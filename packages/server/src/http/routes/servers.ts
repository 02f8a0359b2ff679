import { listServers } from "../../operations/list-servers.js";
import { answerOf } from "../answer-schemas.js";
import { optional, text } from "../json-field.js";
import { defineRoute } from "../route.js";

export const serverRoutes = [
  defineRoute({
    method: "GET",
    path: "/servers",
    operationId: "listServers",
    summary: "Find the best chat server to connect to",
    description:
      "Up to three chat servers, the best one first: those of the region before others, the least busy first; none that is going away or full. Empty where the servers do not announce themselves: connect to where the application says, then.",
    query: {
      region: optional(text("Where the device is; by default where the server that answers stands.")),
    },
    answer: answerOf("Servers"),
    errors: [],
    counts: "read",
    run: async ({ context, caller, query }) => ({ items: await listServers(context, caller, query) }),
  }),
];
