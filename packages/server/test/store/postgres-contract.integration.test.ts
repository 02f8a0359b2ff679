import { postgres } from "@chat/server/postgres";
import { storeSuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { PostgresSchema } from "./postgres-schema.js";

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store", () => {
  storeSuite({ describe, it }, "PostgreSQL", async () => {
    const schema = await PostgresSchema.create();
    return { store: () => postgres(schema.pool()), dispose: () => schema.dispose() };
  });
});
