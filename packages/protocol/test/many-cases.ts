import fc from "fast-check";

/** A whole number from 0 up to, and without, `below`. */
export type Draw = (below: number) => number;

/** Cases that share one seed. */
const PER_SEED = 100;

/**
 * Runs `body` `count` times. A failure names the seed of its hundred cases. For cases that are cheap to test: fast-check's own
 * values, which it can shrink, take many times longer to make than such bytes take to decode.
 */
export function manyCases(count: number, body: (draw: Draw) => void): void {
  fc.assert(
    fc.property(fc.noShrink(fc.integer()), (seed) => {
      const draw = drawFrom(seed);
      for (let left = PER_SEED; left > 0; left--) body(draw);
    }),
    { numRuns: Math.ceil(count / PER_SEED) },
  );
}

/** Mulberry32. */
function drawFrom(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Up to `maxLength` bytes; as with fast-check, short and special ones come more often. */
export function drawBytes(draw: Draw, maxLength: number): Uint8Array {
  const bytes = new Uint8Array(draw(draw(4) === 0 ? Math.min(maxLength, 8) + 1 : maxLength + 1));
  for (let index = 0; index < bytes.length; index++) bytes[index] = draw(256);
  return bytes;
}
