import { postgres } from "@chat/server/postgres";
import { storeSuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { PostgresSchema } from "./postgres-schema.js";

describe.skipIf(!(await isUp("postgres")))("PostgreSQL store", () => {
  // Each case has tables of its own, and waits for the disk.
  storeSuite({ describe, it: it.concurrent }, "PostgreSQL", async () => {
    const schema = await PostgresSchema.create();
    return { store: () => postgres(schema.pool()), dispose: () => schema.dispose() };
  });
});
