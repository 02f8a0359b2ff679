import { storeSuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { SqliteFile } from "./sqlite-file.js";

storeSuite({ describe, it }, "SQLite, a handle per store", () => {
  const file = new SqliteFile();
  return { store: () => sqlite(file.handle()), dispose: () => file.dispose() };
});
