import { ChatError, isId, LIMITS, type UserProfile } from "@chat/protocol";
import type { Ask } from "../connection/requests.js";
import type { CustomData, RequestOptions, User, UserDirectory } from "../public-types.js";
import { checkProfile } from "./check-profile.js";
import { toChatError } from "../runtime/to-chat-error.js";
import { defined } from "../runtime/defined.js";
import type { Topic } from "../runtime/notifier.js";

/** What the directory needs of its surroundings. */
export interface UserDirectoryEnvironment {
  readonly topic: Topic;
  readonly ask: Ask;
  commit(users: readonly UserProfile[]): void;
  report(error: unknown): void;
}

/** The directory, and what the client tells it. */
export interface Users<C extends CustomData> {
  readonly directory: UserDirectory<C>;
  /** Takes profiles of the server; `kept` ones of the cache. */
  take(profiles: readonly UserProfile[], kept?: "kept"): void;
  /** Takes what the cache kept, and asks for all of it anew with each connection: who was erased since must not stay. */
  load(kept: readonly UserProfile[]): void;
  /** There is a connection: asks anew for everybody who is wanted, who may have changed meanwhile. */
  connected(): void;
  disconnected(): void;
  /** The store's history is another one. */
  reset(): void;
  all(): readonly UserProfile[];
}

export function createUsers<C extends CustomData>({
  topic,
  ask,
  commit,
  report,
}: UserDirectoryEnvironment): Users<C> {
  const profiles = new Map<string, UserProfile>();
  const shown = new Map<string, User<C>>();
  /** Whom somebody looked at, and who is kept; true once this connection was asked for them. */
  const wanted = new Map<string, boolean>();
  let online = false;
  let due = false;

  function take(taken: readonly UserProfile[], kept?: "kept"): void {
    const fresh = taken.filter(({ userId, version }) => version > (profiles.get(userId)?.version ?? -1));
    if (fresh.length === 0) return;
    for (const profile of fresh) {
      profiles.set(profile.userId, profile);
      shown.delete(profile.userId);
    }
    if (!kept) commit(fresh);
    topic.changed();
  }

  /** Asks for all who are wanted, once everybody who wants somebody in this turn has said so. */
  function askSoon(): void {
    if (due || !online) return;
    due = true;
    void Promise.resolve().then(async () => {
      due = false;
      const asked = [...wanted]
        .flatMap(([userId, done]) => (done ? [] : userId))
        .slice(0, LIMITS.usersPerRequest);
      if (asked.length === 0 || !online) return;
      for (const userId of asked) wanted.set(userId, true);
      askSoon();
      const users = asked.map((userId) => defined({ userId, version: profiles.get(userId)?.version }));
      try {
        take((await ask({ type: "get-users", users }, { mode: "session" })).profiles);
      } catch (error) {
        // All are asked for again with the next connection.
        if (["disconnected", "closed"].includes(toChatError(error).code)) return;
        for (const userId of asked) wanted.delete(userId);
        report(error);
      }
    });
  }

  function want(userId: string): void {
    if (wanted.has(userId)) return;
    wanted.set(userId, false);
    askSoon();
  }

  function userOf({ userId, name, avatarUrl, data }: UserProfile): User<C> {
    let user = shown.get(userId);
    if (user === undefined) {
      user = Object.freeze(defined({ id: userId, name, avatarUrl, data }));
      shown.set(userId, user);
    }
    return user;
  }

  return {
    directory: {
      get(id) {
        if (isId(id)) want(id);
        const profile = profiles.get(id);
        return profile && userOf(profile);
      },
      subscribe: topic.subscribe,
      async setProfile(profile, { signal }: RequestOptions = {}) {
        checkProfile(profile.name, profile.data);
        const {
          profiles: [own],
        } = await ask({ ...profile, type: "set-profile" }, { signal });
        if (own === undefined) throw new ChatError("internal", "The server left the profile out.");
        take([own]);
        want(own.userId);
        return userOf(own);
      },
    },
    take,

    load(kept) {
      take(kept, "kept");
      for (const { userId } of kept) want(userId);
    },

    connected() {
      online = true;
      askSoon();
    },

    disconnected() {
      online = false;
      for (const id of wanted.keys()) wanted.set(id, false);
    },

    reset() {
      profiles.clear();
      shown.clear();
      topic.changed();
    },

    all: () => [...profiles.values()],
  };
}
