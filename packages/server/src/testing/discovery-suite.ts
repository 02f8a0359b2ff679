import assert from "node:assert/strict";
import type { AnnouncedServer, Discovery } from "../discovery/discovery.js";
import { assertRefused, numbers } from "./store-world.js";
import { CASE_TIMEOUT, type SuiteApi } from "./suite-api.js";

/** One discovery of its own for one case, empty at first. */
export interface DiscoveryEngine {
  /** Another way into the same discovery, as another server process would have it. */
  discovery(): Discovery | Promise<Discovery>;
  /** Kills the process that announced these servers: nothing is withdrawn. Resolves when the time of their leases has passed; those of others last. */
  kill(discovery: Discovery, serverIds: readonly string[]): Promise<void>;
  /**
   * Takes the engine itself away, and brings it back, with what it held or without: `end` resolves when every discovery that was made
   * answers again. Absent where that can't be done.
   */
  readonly outage?: { begin(): Promise<void>; end(): Promise<void> };
  /** Removes the discovery. */
  dispose(): void | Promise<void>;
}

const LEASE = 30_000;

function server(serverId: string, other: Partial<AnnouncedServer> = {}): AnnouncedServer {
  const url = `wss://${encodeURIComponent(serverId)}.example/chat`;
  return { serverId, url, connections: 0, capacity: 1_000, draining: false, ...other };
}

async function listed(discovery: Discovery): Promise<AnnouncedServer[]> {
  return [...(await discovery.list())].sort((a, b) => (a.serverId < b.serverId ? -1 : 1));
}

/**
 * Proves that a discovery keeps the contract {@link Discovery}.
 * @param name of the discovery, for the report
 * @param create makes a discovery that holds nothing yet; called once for each case
 * @param options `outage`: the engine can be taken away, so that the cases of that are run, too
 */
export function discoverySuite(
  api: SuiteApi,
  name: string,
  create: () => DiscoveryEngine | Promise<DiscoveryEngine>,
  options: { readonly outage?: boolean } = {},
): void {
  const prove = (sentence: string, body: (engine: DiscoveryEngine) => Promise<void>): void => {
    const run = async (): Promise<void> => {
      const engine = await create();
      try {
        await body(engine);
      } finally {
        await engine.dispose();
      }
    };
    api.it(sentence, run, CASE_TIMEOUT);
  };

  api.describe(`Discovery contract: ${name}`, () => {
    prove("shows every announced server to everybody, as it was announced", async (engine) => {
      const [one, two] = [await engine.discovery(), await engine.discovery()];
      assert.deepEqual(await listed(one), []);
      const a = server("us-east/a", { region: "us-east", connections: 12, draining: true });
      const b = server("b €", { capacity: 5 });
      await one.announce(a, LEASE);
      await two.announce(b, LEASE);
      for (const discovery of [one, two]) assert.deepEqual(await listed(discovery), [b, a]);
      // Ids that are alike are not the same.
      const alike = server("B €", { capacity: 6, connections: 2 });
      await one.announce(alike, LEASE);
      assert.deepEqual(await listed(two), [alike, b, a]);
      await one.close();
      await two.close();
    });

    prove("keeps the newest announcement of a server only", async (engine) => {
      const [one, two] = [await engine.discovery(), await engine.discovery()];
      await one.announce(server("a", { connections: 1, region: "here" }), LEASE);
      await one.announce(server("a", { connections: 2 }), LEASE);
      assert.deepEqual(await listed(two), [server("a", { connections: 2 })]);
      await one.announce(server("a", { connections: 2, draining: true }), LEASE);
      assert.deepEqual(await listed(two), [server("a", { connections: 2, draining: true })]);
      await one.close();
      await two.close();
    });

    prove("takes out a server that withdraws, and no other", async (engine) => {
      const [one, two] = [await engine.discovery(), await engine.discovery()];
      await one.announce(server("a"), LEASE);
      await two.announce(server("b"), LEASE);
      await one.announce(server("c"), LEASE);
      await one.withdraw("a");
      await one.withdraw("a");
      await one.withdraw("never there");
      for (const discovery of [one, two]) {
        assert.deepEqual(await listed(discovery), [server("b"), server("c")]);
      }
      await one.announce(server("a"), LEASE);
      assert.deepEqual(await listed(two), [server("a"), server("b"), server("c")], "it may come again");
      await one.close();
      await two.close();
    });

    prove("forgets a server that was killed, and takes it back when it starts again", async (engine) => {
      const [one, two] = [await engine.discovery(), await engine.discovery()];
      await one.announce(server("a"), LEASE);
      await two.announce(server("b"), LEASE);
      await engine.kill(one, ["a"]);
      assert.deepEqual(await listed(two), [server("b")]);
      const again = await engine.discovery();
      await again.announce(server("a", { connections: 3 }), LEASE);
      assert.deepEqual(await listed(two), [server("a", { connections: 3 }), server("b")]);
      await again.close();
      await two.close();
    });

    prove(
      "hands a server over to its next run before the lease of the killed one is over",
      async (engine) => {
        const [one, two] = [await engine.discovery(), await engine.discovery()];
        await one.announce(server("a"), LEASE);
        await two.announce(server("a", { connections: 1 }), LEASE);
        await two.announce(server("b"), LEASE);
        assert.deepEqual(await listed(two), [server("a", { connections: 1 }), server("b")]);
        await engine.kill(one, []);
        assert.deepEqual(await listed(two), [server("a", { connections: 1 }), server("b")]);
        await two.close();
      },
    );

    prove("takes announcements of many servers at once", async (engine) => {
      const discoveries = await Promise.all(numbers(1, 4).map(async () => engine.discovery()));
      const ids = Array.from({ length: 40 }, (_, index) => `server-${index}`).sort();
      await Promise.all(ids.map((id, index) => discoveries[index % 4]!.announce(server(id), LEASE)));
      assert.deepEqual(
        (await listed(discoveries[0]!)).map(({ serverId }) => serverId),
        ids,
      );
      for (const discovery of discoveries) await discovery.close();
    });

    if (options.outage !== true) return;

    prove("refuses while the engine is away, and goes on when it is back", async (engine) => {
      const discovery = await engine.discovery();
      await discovery.announce(server("a"), LEASE);
      await discovery.announce(server("withdrawn"), LEASE);
      await discovery.withdraw("withdrawn");
      await engine.outage!.begin();
      await assertRefused(discovery.list(), "store_unavailable");
      await assertRefused(discovery.announce(server("a"), LEASE), "store_unavailable");
      await assertRefused(discovery.withdraw("a"), "store_unavailable");
      await engine.outage!.end();
      await discovery.announce(server("a", { connections: 1 }), LEASE);
      assert.deepEqual(await listed(discovery), [server("a", { connections: 1 })]);
      await discovery.close();
    });

    prove("can be made while the engine is away", async (engine) => {
      await engine.outage!.begin();
      const discovery = await engine.discovery();
      await assertRefused(discovery.announce(server("a"), LEASE), "store_unavailable");
      await engine.outage!.end();
      await discovery.announce(server("a"), LEASE);
      assert.deepEqual(await listed(discovery), [server("a")]);
      await discovery.close();
    });
  });
}
