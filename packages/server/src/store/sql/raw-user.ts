import type { JsonObject, UserProfile } from "@chat/protocol";

/** A profile as a database gives it. */
export interface RawUser {
  readonly userId: string;
  readonly version: number;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly data: string | null;
}

/** A profile as users of the store see it. */
export function toProfile({ userId, version, name, avatarUrl, data }: RawUser): UserProfile {
  return {
    userId,
    version,
    ...(name !== null && { name }),
    ...(avatarUrl !== null && { avatarUrl }),
    ...(data !== null && { data: JSON.parse(data) as JsonObject }),
  };
}
