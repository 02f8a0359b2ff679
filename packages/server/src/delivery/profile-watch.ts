import type { ServerCodec, UserProfile } from "@chat/protocol";
import { LIMITS } from "@chat/protocol";
import type { Recipient } from "./recipient.js";

/** Who wants to hear of a user's profile, and the version of which they were told. */
interface Watchers {
  readonly recipients: Set<Recipient>;
  told: number;
}

/** Tells the sessions of this server of changes to the profiles that they asked for. */
export class ProfileWatch {
  readonly #encode: ServerCodec["encode"];
  readonly #watchers = new Map<string, Watchers>();
  readonly #watched = new Map<Recipient, Set<string>>();

  constructor(encode: ServerCodec["encode"]) {
    this.#encode = encode;
  }

  /** Tells a session of changes of these users' profiles from now on; of `LIMITS.watchedUsers` at most. */
  watch(recipient: Recipient, userIds: readonly string[]): void {
    const watched = this.#watched.get(recipient) ?? new Set();
    this.#watched.set(recipient, watched);
    for (const userId of userIds) {
      if (watched.size >= LIMITS.watchedUsers) return;
      watched.add(userId);
      const watchers = this.#watchers.get(userId) ?? { recipients: new Set(), told: 0 };
      watchers.recipients.add(recipient);
      this.#watchers.set(userId, watchers);
    }
  }

  /** A session is gone. */
  forget(recipient: Recipient): void {
    for (const userId of this.#watched.get(recipient) ?? []) {
      const watchers = this.#watchers.get(userId);
      watchers?.recipients.delete(recipient);
      if (watchers?.recipients.size === 0) this.#watchers.delete(userId);
    }
    this.#watched.delete(recipient);
  }

  /** Which of these users' profiles somebody here wants to hear of. */
  watchedAmong(userIds: readonly string[]): readonly string[] {
    return userIds.filter((userId) => this.#watchers.has(userId));
  }

  /** Tells whom it concerns of a user's new profile. */
  changed(profile: UserProfile): void {
    const watchers = this.#watchers.get(profile.userId);
    // Told by whoever changed it here, and again by the change feed.
    if (watchers === undefined || watchers.told >= profile.version) return;
    watchers.told = profile.version;
    const frame = this.#encode({ type: "user-changed", profile });
    for (const watcher of watchers.recipients) watcher.deliver(frame);
  }

  clear(): void {
    this.#watchers.clear();
    this.#watched.clear();
  }
}
