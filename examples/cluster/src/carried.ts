import type { Registry } from "@chat/server";

/** Who is connected to this very server, by connection. */
export type Carried = ReadonlyMap<string, string>;

/** A registry that also remembers here what this server has registered: for the page that shows who is carried by whom. */
export function rememberCarried(registry: Registry): {
  readonly registry: Registry;
  readonly carried: Carried;
} {
  const carried = new Map<string, string>();
  return {
    carried,
    registry: {
      join: (server, lease) => registry.join(server, lease),
      renew: (server) => registry.renew(server),
      leave: (server) => registry.leave(server),
      serversOf: (conversationId) => registry.serversOf(conversationId),
      servers: () => registry.servers(),
      ...(registry.joined && {
        joined: (conversationId, userIds) => registry.joined!(conversationId, userIds),
      }),
      async register(server, session) {
        await registry.register(server, session);
        carried.set(session.connectionId, session.userId);
      },
      async unregister(server, session) {
        carried.delete(session.connectionId);
        await registry.unregister(server, session);
      },
    },
  };
}
