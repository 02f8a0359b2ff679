import { mysqlDiscovery } from "@chat/server/mysql";
import { discoverySuite } from "@chat/server/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { MysqlDatabase } from "../store/mysql-database.js";

describe.skipIf(!(await isUp("mysql")))("MySQL discovery", () => {
  discoverySuite({ describe, it }, "MySQL", async () => {
    const database = await MysqlDatabase.create();
    const pool = database.pool();
    return {
      discovery: () => mysqlDiscovery(database.pool()),
      // MySQL's clock can't be moved; what it is compared with can.
      async kill(_, serverIds) {
        if (serverIds.length === 0) return;
        await pool.query("UPDATE chat_announcement SET expires = 1 WHERE id IN (?)", [serverIds]);
      },
      dispose: () => database.dispose(),
    };
  });

  it("leaves nothing behind of a server that was killed", async () => {
    const database = await MysqlDatabase.create();
    onTestFinished(() => database.dispose());
    const discovery = mysqlDiscovery(database.pool());
    const dead = { serverId: "a", url: "ws://a", connections: 0, capacity: 1, draining: false };
    await discovery.announce(dead, 1);
    while ((await discovery.list()).length > 0);
    await discovery.announce({ ...dead, serverId: "b" }, 30_000);
    const [rows] = await database
      .pool()
      .query("SELECT CONVERT(id USING utf8mb4) AS id FROM chat_announcement");
    expect(rows).toEqual([{ id: "b" }]);
    await discovery.close();
  });
});
