import { discoverySuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { type Discovery, inProcessDiscovery } from "../../src/index.js";
import { VirtualClock } from "../virtual-clock.js";

discoverySuite({ describe, it }, "in process", () => {
  const clock = new VirtualClock();
  const shared = inProcessDiscovery(clock.runtime.clock);
  /** What the discoveries that live would announce again before their leases run out. */
  const kept = new Map<Discovery, Map<string, () => Promise<void>>>();
  return {
    discovery() {
      const announced = new Map<string, () => Promise<void>>();
      const discovery: Discovery = {
        ...shared,
        announce(server, lease) {
          announced.set(server.serverId, () => shared.announce(server, lease));
          return shared.announce(server, lease);
        },
      };
      kept.set(discovery, announced);
      return discovery;
    },
    async kill(discovery) {
      kept.delete(discovery);
      for (let steps = 0; steps < 4; steps++) {
        clock.advance(10_000);
        for (const announced of kept.values()) {
          for (const announce of [...announced.values()]) await announce();
        }
      }
    },
    dispose: () => undefined,
  };
});
