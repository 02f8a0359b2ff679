import { mysql, mysqlRegistry } from "@chat/server/mysql";
import { createPool } from "mysql2/promise";
import { hasMysql, MysqlServer } from "../../../packages/server/test/engines/start-mysql.js";
import type { Database } from "./database.js";
import { databaseOf } from "./database-of.js";

/** Conversations and registry in MariaDB. */
export const mysqlDatabase: Database = {
  canStart: async () => hasMysql,

  start: async () => databaseOf(await MysqlServer.create()),

  open([port]) {
    const pool = createPool({ uri: `mysql://root@127.0.0.1:${port}/test` });
    return { store: mysql(pool), registry: mysqlRegistry(pool), close: () => pool.end() };
  },
};
