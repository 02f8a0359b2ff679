import { mysqlRegistry } from "@chat/server/mysql";
import { describe } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "../store/mysql-database.js";
import { openMysql } from "../store/mysql-drafts.js";
import { sqlRegistrySuite } from "./sql-registry-suite.js";

describe.skipIf(!(await isUp("mysql")))("MySQL registry", () => {
  sqlRegistrySuite("MySQL", async () => {
    const database = await MysqlDatabase.create();
    const pool = database.pool();
    return {
      store: () => openMysql(pool),
      registry: () => mysqlRegistry(database.pool()),
      async run(sql) {
        const [rows] = await pool.query(sql);
        return rows instanceof Array ? rows.map((row) => String(Object.values(row)[0])) : [];
      },
      dispose: () => database.dispose(),
    };
  });
});
