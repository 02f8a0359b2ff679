import type { MessageStore } from "../store/message-store.js";
import type { Track } from "./track.js";

/** Conversations whose heads are read at once. */
const COMPARED_AT_ONCE = 500;

/** How far something goes, and which entry is there; undefined where that is not known. */
export interface LogPosition {
  readonly head: number;
  readonly fingerprint: number | undefined;
}

/** Whether a log lacks something of what was delivered, or has another entry there, as far as is known. */
export function lacks(delivered: LogPosition, now: LogPosition): boolean {
  const isKnown = delivered.fingerprint !== undefined && now.fingerprint !== undefined;
  if (delivered.head === now.head) return isKnown && delivered.fingerprint !== now.fingerprint;
  return now.head < delivered.head;
}

/** What the comparison works with. */
export interface StoreComparisonOptions {
  readonly messages: Pick<MessageStore, "heads">;
  /** False once a track was dropped. */
  readonly isLive: (track: Track) => boolean;
  /** The store lacks something of what a track has delivered. */
  readonly lost: (track: Track) => void;
  /** Delivers what the store has and a track has not. */
  readonly reach: (conversationId: string, position: LogPosition) => Promise<void>;
}

/** Compares what was delivered with the store, which may have lost some of it (decision 0026). */
export class StoreComparison {
  readonly #options: StoreComparisonOptions;
  #uncompared: Track[] = [];

  constructor(options: StoreComparisonOptions) {
    this.#options = options;
  }

  /** These tracks are to be compared, and none that were to be before. */
  begin(tracks: Iterable<Track>): void {
    this.#uncompared = [...tracks];
  }

  /** True while some of them were not. */
  get isUnderWay(): boolean {
    return this.#uncompared.length > 0;
  }

  /** Compares some of them. @throws ChatError `store_unavailable`, and nothing is skipped */
  async compare(): Promise<void> {
    const some = this.#uncompared.slice(-COMPARED_AT_ONCE);
    const live = some.filter(this.#options.isLive);
    const delivered = live.map(({ head, fingerprint }) => ({ head, fingerprint }));
    const stored = await this.#positionsOf(live);
    for (const [index, track] of live.entries()) {
      if (lacks(delivered[index]!, stored[index]!)) return this.#options.lost(track);
      // What follows is compared when it is delivered.
      await this.#options.reach(track.conversationId, stored[index]!);
    }
    this.#uncompared.splice(-some.length);
  }

  /**
   * Whether the store lacks something of what a track has delivered, or has something else there.
   * @throws ChatError `store_unavailable`
   */
  async hasLost(track: Track): Promise<boolean> {
    // What is delivered while the store answers says nothing about that answer.
    const delivered = { head: track.head, fingerprint: track.fingerprint };
    const [stored] = await this.#positionsOf([track]);
    return lacks(delivered, stored!);
  }

  /** What of these conversations the store has; nothing of one that it does not know. */
  async #positionsOf(tracks: readonly Track[]): Promise<readonly LogPosition[]> {
    if (tracks.length === 0) return [];
    const heads = await this.#options.messages.heads(tracks.map(({ conversationId }) => conversationId));
    return tracks.map(({ conversationId }) => heads.get(conversationId) ?? { head: 0, fingerprint: 0 });
  }
}
