import { mysql } from "@chat/server/mysql";
import { storeSuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "./mysql-database.js";

describe.skipIf(!(await isUp("mysql")))("MySQL store", () => {
  // Each case has tables of its own, and waits for the disk.
  storeSuite({ describe, it: it.concurrent }, "MySQL", async () => {
    const database = await MysqlDatabase.create();
    return { store: () => mysql(database.pool()), dispose: () => database.dispose() };
  });
});
