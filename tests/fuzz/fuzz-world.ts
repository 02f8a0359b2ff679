import type { SeededRandom } from "../replay/seeded-random.js";
import type { Figures } from "./figures.js";
import type { KnownValues } from "./known-values.js";

/** What hostile peers share. */
export interface FuzzWorld {
  readonly random: SeededRandom;
  readonly known: KnownValues;
  readonly figures: Figures;
  /** The id, and token, of one of the hostile users. */
  hostileUser(): string;
  /** Something that must not be. */
  finding(sentence: string): void;
}
