import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, it } from "vitest";
import type { ChatServer } from "../../src/index.js";
import { openApiDocument } from "../../src/http/openapi.js";
import { ROUTES } from "../../src/http/routes/index.js";
import { openServer } from "../open-server.js";
import { call, uuid } from "./call.js";

const document = JSON.parse(JSON.stringify(openApiDocument(ROUTES))) as Record<string, unknown>;

it("is a valid OpenAPI 3.1 document", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

it("is what docs/openapi.json says", async () => {
  // `npx vitest run packages/server/test/http/openapi.test.ts --update` writes it.
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../../../docs/openapi.json");
});

it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "describes %s",
  (_name, { path, summary, description, operationId, parameters = {}, query = {}, body = {} }) => {
    expect(summary).toMatch(/^[A-Z].{5,60}[^.]$/);
    expect(description).toMatch(/^[A-Z].{20,}\.$/);
    expect(ROUTES.filter((other) => other.operationId === operationId)).toHaveLength(1);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(parameters)).toEqual(inPath);
    for (const [name, { schema }] of Object.entries({ ...parameters, ...query, ...body })) {
      expect(schema["description"], name).toMatch(/^.{5,}\.$/);
    }
  },
);

const WITH_DI = { type: "direct", members: ["di"] };

/** What ana is refused in a group of hers with an admin bo, and a direct conversation with cy. */
const REFUSALS: readonly {
  readonly code: string;
  readonly path: string;
  readonly body: object;
  readonly before: (server: ChatServer) => Promise<unknown>;
}[] = [
  {
    code: "blocked",
    path: "/conversations/dm/messages",
    body: { text: "x" },
    before: blockedBy("cy", "ana"),
  },
  {
    code: "unblock_first",
    path: "/conversations/dm/messages",
    body: { text: "x" },
    before: blockedBy("ana", "cy"),
  },
  { code: "blocked", path: "/conversations", body: WITH_DI, before: blockedBy("di", "ana") },
  { code: "unblock_first", path: "/conversations", body: WITH_DI, before: blockedBy("ana", "di") },
  { code: "blocked", path: "/conversations/room/members", body: WITH_DI, before: blockedBy("di", "ana") },
  { code: "conflict", path: "/conversations/room/members", body: WITH_DI, before: keyUsed },
  {
    code: "conflict",
    path: "/conversations/room/members/remove",
    body: { members: ["bo"] },
    before: keyUsed,
  },
  { code: "conflict", path: "/conversations/room/messages/2/redact", body: {}, before: keyUsed },
];

function blockedBy(userId: string, other: string) {
  return (server: ChatServer) => server.as(userId).setPrivacy({ block: [other] });
}

function keyUsed(server: ChatServer) {
  return server.as("ana").send("room", "under this key", { clientMessageId: uuid(1) });
}

it.each(REFUSALS)("names the refusal $code of POST $path", async ({ code, path, body, before }) => {
  const server = await openServer();
  const ana = server.as("ana");
  await ana.createGroup({ id: "room", members: ["bo"] });
  await ana.send("room", "to be redacted");
  await ana.createDirect({ id: "dm", members: ["cy"] });
  await before(server);
  const answer = await call(server, "POST", path, { clientMessageId: uuid(1), ...body });
  expect(answer.body).toMatchObject({ error: { code } });
  const route = ROUTES.find((one) => one.method === "POST" && one.match(path) !== undefined)!;
  const { paths } = document as {
    paths: Record<string, { post: { responses: Record<string, { description: string } | undefined> } }>;
  };
  expect(paths[route.path]!.post.responses[answer.status]?.description).toContain(`\`${code}\``);
});
