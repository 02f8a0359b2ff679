import { presenceOf, type UserStatus } from "../presence/index.js";
import { useEffect, useMemo } from "react";
import { useChatClient } from "./chat-provider.js";
import { useSnapshot } from "./use-snapshot.js";

/**
 * Whether a user is there; watches them for as long as the component is mounted. Renders again when that changed.
 * @returns undefined while offline, of strangers, and before the server has answered
 */
export function usePresence(userId: string | undefined): UserStatus | undefined {
  const client = useChatClient();
  const presence = useMemo(() => client && presenceOf(client), [client]);
  useEffect(
    () => (presence && userId !== undefined ? presence.watch([userId]) : undefined),
    [presence, userId],
  );
  return useSnapshot(
    presence,
    (presence) => (userId === undefined ? undefined : presence.get(userId)),
    undefined,
  );
}
