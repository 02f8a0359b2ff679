import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, it } from "vitest";
import { openApiDocument } from "../../src/http/openapi.js";
import { ROUTES } from "../../src/http/routes/index.js";

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
