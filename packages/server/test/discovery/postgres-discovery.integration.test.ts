import { postgresDiscovery } from "@chat/server/postgres";
import { discoverySuite } from "@chat/server/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { isUp } from "../engines/engine-urls.js";
import { PostgresSchema } from "../store/postgres-schema.js";

describe.skipIf(!(await isUp("postgres")))("PostgreSQL discovery", () => {
  discoverySuite({ describe, it }, "PostgreSQL", async () => {
    const schema = await PostgresSchema.create();
    const pool = schema.pool();
    return {
      discovery: () => postgresDiscovery(schema.pool()),
      // PostgreSQL's clock can't be moved; what it is compared with can.
      async kill(_, serverIds) {
        await pool.query("UPDATE chat_announcement SET expires = 1 WHERE id = ANY ($1)", [serverIds]);
      },
      dispose: () => schema.dispose(),
    };
  });

  it("leaves nothing behind of a server that was killed", async () => {
    const schema = await PostgresSchema.create();
    onTestFinished(() => schema.dispose());
    const discovery = postgresDiscovery(schema.pool());
    const dead = { serverId: "a", url: "ws://a", connections: 0, capacity: 1, draining: false };
    await discovery.announce(dead, 1);
    while ((await discovery.list()).length > 0);
    await discovery.announce({ ...dead, serverId: "b" }, 30_000);
    expect((await schema.pool().query("SELECT id FROM chat_announcement")).rows).toEqual([{ id: "b" }]);
    await discovery.close();
  });
});
