import { type Cancel, isChatError, type Runtime } from "@chat/protocol";
import type { ChatStore } from "../store/chat-store.js";
import type { Deliverer } from "./deliverer.js";

const PAGE = 500;
/** ms after a boot of the store at which what was delivered is compared once more: other servers may have told of what was lost meanwhile. */
const COMPARED_AGAIN = 10_000;

/** What the follower works with. */
export interface ChangeFollowerOptions {
  readonly runtime: Runtime;
  readonly store: ChatStore;
  readonly deliverer: Deliverer;
  /** ms between two looks. */
  readonly interval: number;
}

/**
 * Follows the store's change feed, and has the deliverer bring up to date what fan-out lost or another process wrote.
 * A lost last message leaves no later one to show the gap; this finds it.
 */
export class ChangeFollower {
  readonly #options: ChangeFollowerOptions;
  #position: string | undefined;
  #readAt = -Infinity;
  /** The boot of the store that was found last, and when what was delivered is to be compared again. */
  #boot: string | undefined;
  #comparedAgainAt = Infinity;
  #looking: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #cancelTimer: Cancel | undefined;
  #cancelWatch: Cancel | undefined;

  constructor(options: ChangeFollowerOptions) {
    this.#options = options;
  }

  /** All changes up to it were brought to the sessions of this server. Undefined before {@link start}. */
  get position(): string | undefined {
    return this.#position;
  }

  /**
   * When the read of {@link position} began, by the monotonic clock: it is past everything that was committed before. Long ago while what was
   * delivered is still to be compared: no device is to take for vouched for what may be lost.
   */
  get readAt(): number {
    const isCompared = this.#comparedAgainAt === Infinity && !this.#options.deliverer.isComparing;
    return isCompared ? this.#readAt : -Infinity;
  }

  /** Begins at the store's present position. @throws ChatError `store_unavailable`; `cursor_invalid` if it loses history in this moment */
  async start(): Promise<void> {
    const { conversations } = this.#options.store;
    const cursor = await conversations.position();
    this.#boot = (await conversations.changes({ limit: 1, cursor })).boot;
    this.#position = cursor;
    this.#cancelWatch = this.#options.store.watch(() => void this.look());
    this.#scheduleNext();
  }

  /** Looks now. Resolves when what had changed before the call is delivered, or the look failed. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilQuiet().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelWatch?.();
    await this.#looking;
  }

  #scheduleNext(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#options.runtime.clock.schedule(this.#options.interval, () => {
      void this.look().then(() => this.#scheduleNext());
    });
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#lookOnce();
      } catch (error) {
        if (isChatError(error) && error.code === "cursor_invalid") await this.#startOver();
        else this.#options.runtime.log("warn", "change_feed_failed", { error: String(error) });
        return;
      }
    } while (this.#again && !this.#closed);
  }

  async #lookOnce(): Promise<void> {
    const { runtime, store, deliverer } = this.#options;
    let more = true;
    while (more && !this.#closed && this.#position !== undefined) {
      const readAt = runtime.clock.monotonic();
      const changes = await store.conversations.changes({ limit: PAGE, cursor: this.#position });
      await this.#compare(changes.boot, readAt);
      for (const {
        conversationId,
        head,
        fingerprint,
        membershipMoved,
        receiptsMoved,
        redacted,
        pruned,
      } of changes.conversations) {
        // Also where there is a track: one that was laid for somebody else at this head never sees who joined below it.
        if (membershipMoved || redacted) await deliverer.discover(conversationId, redacted);
        await deliverer.reach(conversationId, { head, fingerprint });
        if (pruned) deliverer.pruned(conversationId);
        if (receiptsMoved) await deliverer.discoverReceipts(conversationId, this.#position);
      }
      await deliverer.discoverPrivacy(changes.users);
      const users = deliverer.profiles.watchedAmong(changes.users);
      if (users.length > 0) {
        for (const profile of await store.conversations.users(users)) deliverer.profiles.changed(profile);
      }
      this.#position = changes.cursor;
      if (!changes.more) {
        this.#readAt = readAt;
        deliverer.told();
      }
      more = changes.more;
    }
  }

  /** After a boot the store may lack what was delivered, and the feed tells nothing of conversations that nobody writes into. */
  async #compare(boot: string, now: number): Promise<void> {
    const { deliverer } = this.#options;
    if (boot !== this.#boot || now >= this.#comparedAgainAt) {
      this.#comparedAgainAt = boot === this.#boot ? Infinity : now + COMPARED_AGAIN;
      this.#boot = boot;
      deliverer.beginComparing();
    }
    while (deliverer.isComparing && !this.#closed) await deliverer.compare();
  }

  /** The store has lost the history that the position belongs to. Every device must compare what it holds. */
  async #startOver(): Promise<void> {
    const { runtime, store, deliverer } = this.#options;
    runtime.log("error", "store_lost_history", {});
    try {
      this.#position = await store.conversations.position();
      deliverer.resyncAll();
    } catch (error) {
      runtime.log("warn", "change_feed_failed", { error: String(error) });
    }
  }
}
