import type { SeededRandom } from "../replay/seeded-random.js";

/** Bytes that stand for themselves in a value: something that no encoder would write. */
export class RawBytes {
  constructor(readonly bytes: Uint8Array) {}
}

/** How often a length or number is written longer than it needs to be. */
const LONG_FORM = 0.05;

/** Writes msgpack as a stranger would: every format that fits, not only the shortest, and raw bytes in between. */
export function writeMsgpack(value: unknown, random: SeededRandom): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, random, parts);
  return Buffer.concat(parts);
}

function write(value: unknown, random: SeededRandom, parts: Uint8Array[]): void {
  const long = (): boolean => random.chance(LONG_FORM);
  /** A first byte and a length behind it, in the smallest of the formats that holds it or a larger one. */
  function head(count: number, fix: number, fixMax: number, codes: readonly [number, number, number]): void {
    const widths = [1, 2, 4];
    if (count <= fixMax && !long()) return void parts.push(Uint8Array.of(fix | count));
    let at = count < 0x100 && codes[0] !== 0 ? 0 : count < 0x1_0000 ? 1 : 2;
    while (at < 2 && long()) at++;
    const bytes = Buffer.alloc(1 + widths[at]!);
    bytes[0] = codes[at]!;
    bytes.writeUIntBE(count, 1, widths[at]!);
    parts.push(bytes);
  }

  if (value instanceof RawBytes) parts.push(value.bytes);
  else if (value === null || value === undefined) parts.push(Uint8Array.of(0xc0));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === "number") parts.push(numberBytes(value, long()));
  else if (typeof value === "string") {
    const bytes = Buffer.from(value);
    head(bytes.length, 0xa0, 31, [0xd9, 0xda, 0xdb]);
    parts.push(bytes);
  } else if (value instanceof Uint8Array) {
    head(value.length, 0, -1, [0xc4, 0xc5, 0xc6]);
    parts.push(value);
  } else if (Array.isArray(value)) {
    head(value.length, 0x90, 15, [0, 0xdc, 0xdd]);
    for (const item of value) write(item, random, parts);
  } else {
    const entries = Object.entries(value);
    head(entries.length, 0x80, 15, [0, 0xde, 0xdf]);
    for (const [key, item] of entries) {
      write(key, random, parts);
      write(item, random, parts);
    }
  }
}

function numberBytes(value: number, long: boolean): Uint8Array {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    const bytes = Buffer.alloc(9);
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (value >= 0 && value < 0x80 && !long) return Uint8Array.of(value);
  if (value < 0 && value >= -32 && !long) return Uint8Array.of(0x100 + value);
  if (value >= 0 && value < 0x1_0000_0000 && !long) {
    const bytes = Buffer.alloc(5);
    bytes[0] = 0xce;
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = value < 0 || long ? 0xd3 : 0xcf;
  if (value < 0) bytes.writeBigInt64BE(BigInt(value), 1);
  else bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}
