import { discoverySuite } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import { sqliteDiscovery } from "../../src/store/sqlite/index.js";
import { SqliteFile } from "../store/sqlite-file.js";
import { VirtualClock } from "../virtual-clock.js";

const LEASE = 30_000;

discoverySuite({ describe, it }, "SQLite", () => {
  const file = new SqliteFile();
  const clock = new VirtualClock();
  return {
    discovery: () => sqliteDiscovery(file.handle(), { runtime: clock.runtime }),
    // The leases of others last.
    async kill(_, serverIds) {
      const other = sqliteDiscovery(file.handle(), { runtime: clock.runtime });
      const left = (await other.list()).filter(({ serverId }) => !serverIds.includes(serverId));
      clock.advance(LEASE);
      for (const server of left) await other.announce(server, LEASE);
    },
    dispose: () => file.dispose(),
  };
});

it("leaves nothing behind of a server that was killed", async () => {
  const file = new SqliteFile();
  const clock = new VirtualClock();
  const database = file.handle();
  const discovery = sqliteDiscovery(database, { runtime: clock.runtime });
  const dead = { serverId: "a", url: "ws://a", connections: 0, capacity: 1, draining: false };
  await discovery.announce(dead, 1);
  clock.advance(2);
  expect(await discovery.list()).toEqual([]);
  await discovery.announce({ ...dead, serverId: "b" }, LEASE);
  expect(database.prepare("SELECT id FROM chat_announcement").all()).toEqual([{ id: "b" }]);
  file.dispose();
});
