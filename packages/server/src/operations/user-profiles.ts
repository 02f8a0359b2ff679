import {
  assertData,
  ChatError,
  fitsCharacters,
  isWellFormed,
  LIMITS,
  type UserProfile,
  utf8Length,
} from "@chat/protocol";
import type { Recipient } from "../delivery/recipient.js";
import type { Caller, OperationContext } from "./operation-context.js";

/**
 * Those of the profiles whose version is not the one that the caller holds. A user without a profile has version 0. A session is told of changes
 * from now on.
 * @throws ChatError `store_unavailable`
 */
export async function getUsers(
  context: OperationContext,
  caller: Caller | (Caller & Recipient),
  users: readonly { readonly userId: string; readonly version?: number }[],
): Promise<readonly UserProfile[]> {
  const members = users.map(({ userId }) => userId);
  await context.hooks.authorize(caller, { operation: "get-users", members });
  // Before they are read, so that no change falls in between.
  if ("deliver" in caller) context.watchUsers(caller, members);
  const profiles = await context.conversations.users(members);
  const byId = new Map(profiles.map((profile) => [profile.userId, profile]));
  return users
    .map(({ userId, version }) => ({ profile: byId.get(userId) ?? { userId, version: 0 }, version }))
    .filter(({ profile, version }) => profile.version !== version)
    .map(({ profile }) => profile);
}

/**
 * Replaces the caller's own profile.
 * @throws ChatError `invalid_argument`, `data_invalid`, `store_unavailable`
 */
export async function setProfile(
  context: OperationContext,
  caller: Caller,
  profile: Pick<UserProfile, "name" | "avatarUrl" | "data">,
): Promise<UserProfile> {
  const { name, avatarUrl, data } = profile;
  if (name !== undefined && !(fitsCharacters(name, LIMITS.nameCharacters) && isWellFormed(name))) {
    throw new ChatError("invalid_argument", `A name has at most ${LIMITS.nameCharacters} characters.`);
  }
  if (avatarUrl !== undefined) assertAvatarUrl(avatarUrl);
  if (data !== undefined) assertData(data);
  await context.hooks.authorize(caller, { operation: "set-profile" });
  const stored = await context.conversations.setUser({
    userId: caller.userId,
    ...(name !== undefined && { name }),
    ...(avatarUrl !== undefined && { avatarUrl }),
    ...(data !== undefined && { data }),
  });
  context.userChanged(stored);
  return stored;
}

/** Other users' pages load it: anything but http(s) could run there. */
function assertAvatarUrl(avatarUrl: string): void {
  const fits = utf8Length(avatarUrl) <= LIMITS.urlBytes;
  if (!fits || !URL.canParse(avatarUrl) || !/^https?:$/.test(new URL(avatarUrl).protocol)) {
    throw new ChatError(
      "invalid_argument",
      `avatarUrl must be an http or https URL of at most ${LIMITS.urlBytes} bytes.`,
    );
  }
}
