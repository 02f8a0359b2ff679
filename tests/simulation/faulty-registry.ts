import type { Registry } from "@chat/server";
import type { Call } from "./unreliable-line.js";

/** A registry behind an unreliable line. */
export function faultyRegistry(inner: Registry, call: Call): Registry {
  return {
    join: (server, lease) => call("join", () => inner.join(server, lease)),
    renew: (server) => call("renew", () => inner.renew(server)),
    leave: (server) => call("leave", () => inner.leave(server)),
    register: (server, session) => call("register", () => inner.register(server, session)),
    unregister: (server, session) => call("unregister", () => inner.unregister(server, session)),
    serversOf: (conversationId) => call("serversOf", () => inner.serversOf(conversationId)),
    servers: () => call("servers", () => inner.servers()),
  };
}
