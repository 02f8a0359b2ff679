import { LIMITS, systemRuntime } from "@chat/protocol";
import { CuttingProxy } from "../../replay/cutting-proxy.js";
import type { Backend, Engine } from "./backend.js";
import type { Broker } from "./broker.js";
import type { Database } from "./database.js";

/** By which ports a server's process reaches both. */
interface Place {
  readonly database: readonly number[];
  readonly broker: number;
}

/** A database and a broker that are started for the round, crash in it, and are reached over a network that is cut. */
export function clusterBackend(name: string, database: Database, broker: Broker): Backend {
  async function headsOf(
    ports: readonly number[],
    conversationIds: readonly string[],
  ): Promise<Record<string, number>> {
    const { store, close } = database.open(ports);
    await store.open({ runtime: systemRuntime(), groupMembers: LIMITS.groupMembers });
    const heads = await store.messages.heads(conversationIds);
    await store.close();
    await close();
    return Object.fromEntries(conversationIds.map((id) => [id, heads.get(id)?.head ?? 0]));
  }

  return {
    name,

    async canStart() {
      return (await database.canStart()) && (await broker.canStart());
    },

    async prepare(): Promise<Engine> {
      const rows = await database.start();
      const between = await broker.start();
      const ways: CuttingProxy[] = [];
      const wayTo = async (port: number): Promise<number> => {
        const way = new CuttingProxy(() => port);
        ways.push(way);
        return way.listen();
      };
      const toRows = await Promise.all(rows.ports.map(wayTo));
      const waysToRows = [...ways];
      const place: Place = {
        database: toRows,
        broker: await wayTo(between.port),
      };
      let hasBackup = false;
      return {
        place: JSON.stringify(place),
        ways,
        async takeBackup() {
          await rows.crash();
          rows.keep!();
          hasBackup = true;
          await rows.start();
        },
        async restoreBackup(conversationIds) {
          if (!hasBackup) throw new Error("There is no backup.");
          // Servers may be running: what they write meanwhile would be neither before nor after.
          for (const way of waysToRows) way.part();
          // A transaction that was parted from its server keeps its locks for as long as the engine believes in the connection.
          await rows.crash();
          await rows.start();
          const before = await headsOf(rows.ports, conversationIds);
          await rows.crash();
          rows.goBack!();
          await rows.start();
          const heads = await headsOf(rows.ports, conversationIds);
          for (const way of waysToRows) way.heal();
          const lost = conversationIds.reduce((sum, id) => sum + before[id]! - heads[id]!, 0);
          return { heads, lost };
        },
        async crashDatabase() {
          await rows.crash();
          await rows.start();
        },
        crashBroker: () => between.crash(),
        async close() {
          for (const way of ways) await way.close();
          await rows.dispose();
          await between.dispose();
        },
      };
    },

    async open(text) {
      const place = JSON.parse(text) as Place;
      const { store, registry, close } = database.open(place.database);
      const link = await broker.open(place.broker, registry);
      return {
        store,
        registry,
        fanout: link.fanout,
        fill() {},
        async close() {
          await link.close();
          await close();
        },
      };
    },
  };
}
