import type { Discovery } from "@chat/server";

/** The URLs of the chat servers that take connections. While nobody can say, those that were known last. */
export function knownChatServers(discovery: Discovery): () => Promise<readonly string[]> {
  let known: readonly string[] = [];
  return async () => {
    try {
      known = (await discovery.list()).filter(({ draining }) => !draining).map(({ url }) => url);
    } catch {
      // The database is away; the servers are not, and take whoever comes back.
    }
    return known;
  };
}
