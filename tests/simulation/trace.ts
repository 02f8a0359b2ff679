/** Something that must never happen, happened. */
export class Violation extends Error {
  constructor(
    /** Which promise was broken. */
    readonly invariant: string,
    detail: string,
  ) {
    super(`${invariant}: ${detail}`);
  }
}

/** What happened in one world: a hash over all of it, the last lines in words, and how often each path was taken. */
export class Trace {
  readonly hits = new Map<string, number>();
  violation: Violation | undefined;
  /** Lines so far. */
  count = 0;
  readonly #lines: string[] = [];
  #low = 0x811c9dc5;
  #high = 0x1b873593;

  /** @param kept how many of the last lines are kept, at least */
  constructor(
    private readonly now: () => number,
    private readonly kept: number,
  ) {}

  /** One line. Whatever a party does to the world passes here, so two runs with the same hash were the same. */
  note(who: string, what: string): void {
    this.count++;
    const line = `${this.now().toFixed(1).padStart(10)} ${who.padEnd(8)} ${what}`;
    for (let index = 0; index < line.length; index++) {
      const code = line.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high + code, 0x85ebca6b) ^ (this.#high >>> 15);
    }
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.kept) this.#lines.splice(0, this.kept);
  }

  /** A fault was injected, or an interesting path was taken. */
  hit(path: string): void {
    this.hits.set(path, (this.hits.get(path) ?? 0) + 1);
  }

  /** Ends the run: a promise was broken. The first one counts. */
  fail(invariant: string, detail: string): void {
    if (this.violation !== undefined) return;
    this.note("!", `${invariant}: ${detail}`);
    this.violation = new Violation(invariant, detail);
  }

  get hash(): string {
    return [this.#low, this.#high].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** The last lines. */
  tail(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
