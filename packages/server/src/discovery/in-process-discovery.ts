import { type Clock, systemRuntime } from "@chat/protocol";
import type { AnnouncedServer, Discovery } from "./discovery.js";

/** The discovery of servers that share one process: for tests, and to try it out. */
export function inProcessDiscovery(clock: Clock = systemRuntime().clock): Discovery {
  /** By serverId; `expires` in monotonic ms. */
  const known = new Map<string, { readonly server: AnnouncedServer; readonly expires: number }>();
  return {
    async announce(server, lease) {
      known.set(server.serverId, { server, expires: clock.monotonic() + lease });
    },
    async withdraw(serverId) {
      known.delete(serverId);
    },
    async list() {
      const now = clock.monotonic();
      return [...known.values()].filter(({ expires }) => expires > now).map(({ server }) => server);
    },
    async close() {},
  };
}
