import type { Random } from "@chat/protocol";

function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    hash ^= hash >>> 13;
  }
  return Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
}

/** Chance that a seed repeats (sfc32). Forks are independent of how often their parent was asked. */
export class Chance implements Random {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(name: string) {
    this.#name = name;
    this.#a = hashOf(name, 1);
    this.#b = hashOf(name, 2);
    this.#c = hashOf(name, 3);
    for (let round = 0; round < 12; round++) this.#next();
  }

  /** Another source, decided by this one's name and its own. */
  fork(name: string): Chance {
    return new Chance(`${this.#name}/${name}`);
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  float(): number {
    return this.#next() / 4_294_967_296;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.#next() >>> 24;
    return bytes;
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.float() < probability;
  }

  /** An integer, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  /** One of them. Throws if there is none. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error("nothing to pick from");
    return items[this.between(0, items.length - 1)]!;
  }

  /** Some ms: mostly short ones, now and then the longest. */
  delay(usual: number, longest: number): number {
    return this.happens(0.9) ? this.float() * usual : this.float() * longest;
  }
}
