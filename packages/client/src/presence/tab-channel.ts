/** What the user's tabs tell each other. None where there are no tabs. @param user names the user, so that tabs of another one hear nothing */
export function tabChannel(what: string, user: string): BroadcastChannel | undefined {
  const { document, BroadcastChannel } = globalThis as Partial<typeof globalThis>;
  return document && BroadcastChannel && new BroadcastChannel(`chat ${what} of ${user}`);
}
