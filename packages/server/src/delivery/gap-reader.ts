import { LIMITS, type Runtime } from "@chat/protocol";
import type { MessageStore } from "../store/message-store.js";
import type { Track } from "./track.js";

/** ms that entries of another server may come later than those behind them, before they are read from the store. */
const PATIENCE = 100;
/** ms before a read that failed is tried again. */
const RETRY_DELAY = 500;

/** What the reader works with. */
export interface GapReaderOptions {
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly messages: Pick<MessageStore, "read">;
  /** False once a track was dropped. */
  readonly isLive: (track: Track) => boolean;
  /** Nothing is missing from a track any more. */
  readonly filled: (track: Track) => void;
}

/** Reads from the store what a track lacks below what is wanted of it. */
export class GapReader {
  readonly #options: GapReaderOptions;

  constructor(options: GapReaderOptions) {
    this.#options = options;
  }

  /**
   * Fills a gap in the background: what is missing is most often on its way from another server, and a read of it would be one too many.
   * @param isTold something was told without its entries: they won't come
   */
  async fill(track: Track, isTold: boolean): Promise<void> {
    if (isTold) track.mustRead = true;
    if (track.filling) return;
    track.filling = true;
    const { clock, log } = this.#options.runtime;
    await new Promise<void>((resolve) => clock.nextTurn(resolve));
    while (this.#isWanted(track)) {
      const { head } = track;
      if (!track.mustRead) await new Promise<void>((resolve) => clock.schedule(PATIENCE, resolve));
      // That one has come; if another is missing by now, it has its own time.
      if (!track.mustRead && track.head > head) continue;
      track.mustRead = false;
      try {
        await this.#readOnce(track);
      } catch (error) {
        log("warn", "gap_read_failed", { conversationId: track.conversationId, error: String(error) });
        await new Promise<void>((resolve) => clock.schedule(RETRY_DELAY, resolve));
      }
    }
    track.filling = track.mustRead = false;
    this.#options.filled(track);
  }

  /**
   * Resolves when a track has reached what is wanted of it, or was dropped.
   * @throws ChatError `store_unavailable`
   */
  async catchUp(track: Track): Promise<void> {
    // Again if need be: the read that is under way may have looked for the last time already.
    while (this.#isWanted(track)) await this.#readOnce(track);
  }

  #isWanted(track: Track): boolean {
    return track.wanted > track.head && this.#options.isLive(track);
  }

  /** One read of a track is under way at a time. */
  #readOnce(track: Track): Promise<void> {
    track.catchingUp ??= this.#read(track).finally(() => {
      track.catchingUp = undefined;
    });
    return track.catchingUp;
  }

  async #read(track: Track): Promise<void> {
    while (this.#isWanted(track)) {
      const { wanted } = track;
      const entries = await this.#options.messages.read({
        conversationId: track.conversationId,
        after: track.head,
        before: Number.MAX_SAFE_INTEGER,
        order: "ascending",
        limit: LIMITS.rangeEntries,
        maxBytes: LIMITS.rangeBytes,
      });
      if (entries.length === 0) {
        // A hint of something that the store has not: the store is right, unless more was heard of since it was asked.
        if (track.wanted === wanted) track.wanted = track.head;
        continue;
      }
      if (!this.#options.isLive(track)) return;
      track.takeFromStore(entries);
    }
  }
}
