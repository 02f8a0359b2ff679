import type { Clock } from "@chat/protocol";

/** Reads of one user that are under way at once; the others wait. */
const UNDER_WAY = 4;
/** ms of reading on end, after which the event loop looks at everything else. One read is never cut short. */
const SLICE = 2;

interface UserReads {
  readonly userId: string;
  readonly waiting: (() => Promise<void>)[];
  underWay: number;
}

/**
 * Shares the reading of history and lists out among those who ask: users take turns, a user has few reads under way at a time, and after
 * two milliseconds of reading the event loop looks at everything else. Otherwise the pages that one peer may ask for at once would all be read in one
 * go, and for that long nobody would get an acknowledgement.
 */
export class FairReads {
  readonly #clock: Clock;
  readonly #users = new Map<string, UserReads>();
  /** Those who have a read waiting and may begin it, in the order of their turns. */
  readonly #ready = new Set<UserReads>();
  /** Reads that have begun and not ended. */
  #underWay = 0;
  /** Since when reads follow each other without a look at anything else, monotonic ms. */
  #began: number | undefined;
  #paused = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Carries out a read when it is the user's turn; gives what it gives. Those of one user begin in the order of the calls. */
  run<T>(userId: string, read: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let user = this.#users.get(userId);
      if (user === undefined) {
        user = { userId, waiting: [], underWay: 0 };
        this.#users.set(userId, user);
      }
      user.waiting.push(() => read().then(resolve, reject));
      if (user.underWay < UNDER_WAY) this.#ready.add(user);
      this.#begin();
    });
  }

  /** Begins what may begin, as long as the slice lasts. */
  #begin(): void {
    while (!this.#paused) {
      const [user] = this.#ready;
      if (user === undefined) return;
      if (this.#isSliceOver()) return this.#pause();
      this.#ready.delete(user);
      const read = user.waiting.shift()!;
      user.underWay++;
      this.#underWay++;
      // To the end of the line.
      if (user.waiting.length > 0 && user.underWay < UNDER_WAY) this.#ready.add(user);
      void read().then(() => this.#ended(user));
    }
  }

  #ended(user: UserReads): void {
    user.underWay--;
    this.#underWay--;
    if (user.waiting.length > 0) this.#ready.add(user);
    else if (user.underWay === 0) this.#users.delete(user.userId);
    this.#begin();
  }

  #isSliceOver(): boolean {
    const now = this.#clock.monotonic();
    if (this.#began === undefined || this.#underWay === 0) {
      this.#began = now;
      this.#clock.nextTurn(() => (this.#began = undefined));
    }
    return now - this.#began >= SLICE;
  }

  #pause(): void {
    this.#paused = true;
    // A timer, since turns may follow each other without a look at the network.
    this.#clock.schedule(0, () => {
      this.#paused = false;
      this.#began = undefined;
      this.#begin();
    });
  }
}
