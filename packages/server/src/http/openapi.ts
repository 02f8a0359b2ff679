import { ERROR_CODES, type ErrorCode } from "@chat/protocol";
import { ANSWER_SCHEMAS, answerOf } from "./answer-schemas.js";
import { statusOf } from "./failure.js";
import type { JsonFields, JsonSchema } from "./json-field.js";
import type { Route } from "./route.js";

/** What every route may be refused with. */
const COMMON: readonly ErrorCode[] = [
  "unauthenticated",
  "invalid_argument",
  "forbidden",
  "rate_limited",
  "internal",
  "overloaded",
  "store_unavailable",
  "shutting_down",
];

function parametersOf(fields: JsonFields, place: "path" | "query"): JsonSchema[] {
  return Object.entries(fields).map(([name, { schema, optional }]) => ({
    name,
    in: place,
    required: optional !== true,
    description: schema["description"],
    schema,
  }));
}

function bodyOf(fields: JsonFields): JsonSchema {
  const required = Object.entries(fields).flatMap(([name, { optional }]) => (optional ? [] : [name]));
  const properties = Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema]));
  return {
    required: required.length > 0,
    content: { "application/json": { schema: { type: "object", required, properties } } },
  };
}

function jsonAnswer(description: string, schema: JsonSchema): JsonSchema {
  return { description, content: { "application/json": { schema } } };
}

/** The refusals of a route, by status, each with its codes. */
function refusalsOf(codes: readonly ErrorCode[]): JsonSchema {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => {
      const words = group.map((code) => `\`${code}\`${ERROR_CODES[code].retryable ? " (try again)" : ""}`);
      return [status, jsonAnswer(words.join(", "), answerOf("Error"))];
    }),
  );
}

function operationOf(route: Route): JsonSchema {
  const { operationId, summary, description, parameters = {}, query = {}, body, answer, errors } = route;
  const isSafe = route.method === "GET";
  return {
    operationId,
    summary,
    description,
    parameters: [
      ...parametersOf(parameters, "path"),
      ...parametersOf(query, "query"),
      { $ref: "#/components/parameters/deviceId" },
    ],
    ...(body !== undefined && { requestBody: bodyOf(body) }),
    responses: {
      200: jsonAnswer("Done.", answer),
      ...(route.revalidates && { 304: { description: "What `If-None-Match` names still holds." } }),
      ...refusalsOf([...errors, ...COMMON, ...(isSafe ? [] : (["frame_too_large"] as const))]),
    },
  };
}

/** The OpenAPI 3.1 document of a table of routes. */
export function openApiDocument(routes: readonly Route[]): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {
    "/health": {
      get: {
        operationId: "getHealth",
        summary: "Is the server ready?",
        description: "For load balancers. Asks for no token.",
        security: [],
        responses: {
          200: jsonAnswer("The store is open, and the server takes part.", answerOf("Health")),
          503: jsonAnswer("It is not ready, or it is going away.", answerOf("Error")),
        },
      },
    },
  };
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Chat",
      version: "1",
      description:
        "The stateless HTTP service of a chat server. Paths are relative to where the application mounts it. Unknown fields of bodies are ignored, and answers may gain fields. What is retryable may be repeated unchanged, with the same `clientMessageId`.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/chat", description: "By convention." }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "What the application's `authenticate` checks.",
        },
      },
      parameters: {
        deviceId: {
          name: "Chat-Device-Id",
          in: "header",
          required: false,
          description:
            "The device on whose behalf this is asked, a UUID in lower case; part of every idempotency key.",
          schema: { type: "string", format: "uuid" },
        },
      },
      schemas: ANSWER_SCHEMAS,
    },
  };
}
