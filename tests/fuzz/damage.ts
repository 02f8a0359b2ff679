import type { SeededRandom } from "../replay/seeded-random.js";

/** Bytes that came near to being right: changed, cut, doubled, or with another message's end. */
export function damage(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = (): number => random.integer(copy.length + 1);
  switch (random.integer(4)) {
    case 0:
      for (let changes = 1 + random.integer(4); changes > 0 && copy.length > 0; changes--) {
        copy[random.integer(copy.length)] = random.integer(256);
      }
      return copy;
    case 1:
      return copy.subarray(0, at());
    case 2:
      // With the start behind the end, the bytes in between come twice.
      return Buffer.concat([copy.subarray(0, at()), copy.subarray(at())]);
    default:
      return Buffer.concat([copy, randomBytes(random, random.integer(40))]);
  }
}

/** Bytes without any sense. */
export function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}
