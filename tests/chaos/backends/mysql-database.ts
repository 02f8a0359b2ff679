import { mysql, mysqlRegistry } from "@chat/server/mysql";
import { createPool } from "mysql2/promise";
import { hasMysql, MysqlServer } from "../../../packages/server/test/engines/start-mysql.js";
import type { Database } from "./database.js";

/** Conversations and registry in MariaDB. */
export const mysqlDatabase: Database = {
  canStart: async () => hasMysql,

  async start() {
    const server = await MysqlServer.create();
    return {
      ports: [Number(new URL(server.url).port)],
      crash: () => server.crash(),
      start: () => server.start(),
      keep: () => server.keep(),
      goBack: () => server.goBack(),
      dispose: () => server.dispose(),
    };
  },

  open([port]) {
    const pool = createPool({ uri: `mysql://root@127.0.0.1:${port}/test` });
    return { store: mysql(pool), registry: mysqlRegistry(pool), close: () => pool.end() };
  },
};
