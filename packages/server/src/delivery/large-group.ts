import type { Cancel, Runtime } from "@chat/protocol";

/** When a large group's members are told that there is news, instead of what it is. */
export interface LargeGroupSettings {
  /** More of a conversation's members than these are connected here. */
  readonly largeGroupOnline: number;
  /** More entries a second than these are stored, on the average of some seconds. */
  readonly largeGroupRate: number;
  /** ms between two pieces of news. */
  readonly largeGroupInterval: number;
}

/** The part of a limit below which a large group is none any more, so that nothing flaps. */
const LEFT_AT = 0.8;
/** Seconds' worth of entries that may come at once. */
const BURST = 2;

/** Whether the entries of a conversation with many connected members are pushed, or news of them. */
export class LargeGroup {
  #isLarge = false;
  #isPulled = false;
  /** Entries beyond the rate; it runs out at the rate. */
  #level = 0;
  #at: number;
  #toldAt = -Infinity;
  #cancel: Cancel | undefined;

  /** @param tell tells all members how far the log is */
  constructor(
    private readonly clock: Runtime["clock"],
    private readonly settings: LargeGroupSettings,
    private readonly tell: () => void,
  ) {
    this.#at = clock.monotonic();
  }

  /** True while everything is as in any other conversation. */
  get isOver(): boolean {
    return !this.#isLarge && this.#cancel === undefined;
  }

  /** Entries are about to be pushed. True if that is not to be done: those who are here are told that there is news, soon. */
  takes(entries: number, members: number): boolean {
    const { largeGroupOnline, largeGroupRate, largeGroupInterval } = this.settings;
    const now = this.clock.monotonic();
    this.#level = Math.max(0, this.#level - ((now - this.#at) * largeGroupRate) / 1_000);
    if (this.#level === 0) this.#isPulled = false;
    this.#at = now;
    this.#level += entries;
    this.#isLarge = members > largeGroupOnline * (this.#isLarge ? LEFT_AT : 1);
    if (this.#level > largeGroupRate * BURST) this.#isPulled = true;
    // No debt that takes long to pay off.
    this.#level = Math.min(this.#level, largeGroupRate * BURST * 2);
    if (!this.#isLarge || !this.#isPulled) return false;
    this.#cancel ??= this.clock.schedule(Math.max(0, this.#toldAt + largeGroupInterval - now), () => {
      this.#cancel = undefined;
      this.#toldAt = this.clock.monotonic();
      this.tell();
    });
    return true;
  }

  /** Tells nothing any more. */
  end(): void {
    this.#cancel?.();
  }
}
