import type { CustomData, User } from "../index.js";
import { useChatClient } from "./chat-provider.js";
import { useSnapshot } from "./use-snapshot.js";

/** What is known of a user; asks for it where nothing is. Renders again when that changed. */
export function useUser<C extends CustomData = CustomData>(userId: string | undefined): User<C> | undefined {
  const users = useChatClient<C>()?.users;
  return useSnapshot(users, (users) => (userId === undefined ? undefined : users.get(userId)), undefined);
}
