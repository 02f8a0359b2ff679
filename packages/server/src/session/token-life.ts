import type { Cancel, Clock } from "@chat/protocol";

/** ms; below it there is no use in asking once more. */
const LAST_ASK = 1_000;
/** Timers of a runtime hold 2^31 − 1 ms at most: longer waits are cut into pieces. */
const LONGEST_WAIT = 86_400_000;

/** How long a session's token counts: asks for a new one in time, and again while none comes, and tells when it is over. */
export class TokenLife {
  #expiresAt = Infinity;
  #cancel: Cancel = () => {};
  #refreshing = false;

  /**
   * @param lead ms before the expiry at which the device is asked first
   * @param ask called with the ms that are left; never while a refresh is under way
   * @param expired called once the token has expired and no refresh is under way
   */
  constructor(
    private readonly clock: Clock,
    private readonly lead: number,
    private readonly ask: (expiresIn: number) => void,
    private readonly expired: () => void,
  ) {}

  /** True while a new token is being checked. */
  get isRefreshing(): boolean {
    return this.#refreshing;
  }

  /** A token was accepted. @param expiresAt wall-clock ms; without it the token counts for ever */
  begin(expiresAt = Infinity): void {
    this.#refreshing = false;
    this.#expiresAt = expiresAt;
    const left = this.#left();
    // One that lives for less than the lead is asked for at half of its life, not at once and for ever.
    this.#wait(left > 2 * this.lead ? left - this.lead : left / 2);
  }

  /** A new token is being checked: the old one's expiry waits for what comes of it. */
  beginRefresh(): void {
    this.#refreshing = true;
  }

  /** The new token was refused: the old one counts on, for as long as it does. */
  refreshFailed(): void {
    this.#refreshing = false;
    this.#wait(this.#left() / 2);
  }

  end(): void {
    this.#cancel();
  }

  #left(): number {
    return this.#expiresAt - this.clock.now();
  }

  #wait(duration: number): void {
    this.#cancel();
    if (this.#expiresAt === Infinity) return;
    const until = this.#expiresAt - (this.#left() - duration);
    const delay = Math.max(0, Math.min(Math.ceil(duration), LONGEST_WAIT));
    this.#cancel = this.clock.schedule(delay, () => {
      if (this.clock.now() < until) this.#wait(until - this.clock.now());
      else this.#due();
    });
  }

  #due(): void {
    if (this.#refreshing) return;
    const left = this.#left();
    if (left <= 0) return this.expired();
    this.ask(Math.floor(left));
    this.#wait(left / 2 >= LAST_ASK ? left / 2 : left);
  }
}
