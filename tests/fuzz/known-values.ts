import type { SeededRandom } from "../replay/seeded-random.js";

/** So many of each are remembered; the oldest go. */
const KEPT = 200;

/**
 * What peers have seen of each other: with nothing but random ids no request would get beyond "not found". What a peer
 * is answered goes in here, so that the next request can build on it, for somebody else too.
 */
export class KnownValues {
  readonly ids: string[];
  readonly uuids: string[] = [];
  /** Cursors and pages. */
  readonly strings: string[] = [];
  /** messageIds, fingerprints. */
  readonly uints: number[] = [0, 1, 2, 3];

  constructor(ids: readonly string[]) {
    this.ids = [...ids];
  }

  /** Takes in every value of a decoded frame or JSON answer, by what it looks like. */
  learn(value: unknown, key = "", depth = 0): void {
    if (depth > 6) return;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) keep(this.uints, value);
    else if (typeof value === "string") {
      if (/(Id|members)$/.test(key)) keep(this.ids, value);
      else if (/^(cursor|page|next)/.test(key)) keep(this.strings, value);
    } else if (Array.isArray(value)) {
      for (const item of value.slice(0, 20)) this.learn(item, key, depth + 1);
    } else if (typeof value === "object" && value !== null) {
      for (const [name, item] of Object.entries(value)) this.learn(item, name, depth + 1);
    }
  }

  /** One of them, or a new one. */
  any<T>(random: SeededRandom, known: readonly T[], fresh: () => T): T {
    return known.length > 0 && random.chance(0.8) ? known[random.integer(known.length)]! : fresh();
  }

  /** A UUID out of the seed; some come again, as idempotency keys do. */
  uuid(random: SeededRandom): string {
    if (this.uuids.length > 0 && random.chance(0.3)) return this.uuids[random.integer(this.uuids.length)]!;
    const hex = Array.from({ length: 32 }, () => random.integer(16).toString(16)).join("");
    const uuid = hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-");
    keep(this.uuids, uuid);
    return uuid;
  }
}

function keep<T>(list: T[], value: T): void {
  if (list.includes(value)) return;
  if (list.push(value) > KEPT) list.shift();
}
