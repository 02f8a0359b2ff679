import { utf8Length } from "./ids.js";

/** As bytes: the power of 2 that a number from 0 on takes. */
function widthOf(size: number): number {
  return size < 0x100 ? 0 : size < 0x10000 ? 1 : size < 2 ** 32 ? 2 : 3;
}

/**
 * Makes a function that writes a value as msgpack, each in its shortest form. It takes what frames are made of: null, booleans, numbers,
 * strings, bytes, arrays and plain objects, of which absent values are left out.
 */
export function createWriter(): (value: unknown) => Uint8Array {
  /** Made at the first text: a page may lack it (jsdom under Jest) and never write one. */
  let encoder: InstanceType<typeof TextEncoder> | undefined;
  let bytes = new Uint8Array(1_024);
  let at = 0;

  /** Makes room for `size` bytes, and returns where they begin. */
  function take(size: number): number {
    at += size;
    if (at > bytes.length) {
      const larger = new Uint8Array(at * 2);
      larger.set(bytes);
      bytes = larger;
    }
    return at - size;
  }

  function byte(value: number): void {
    const from = take(1);
    bytes[from] = value;
  }

  /** The code of a width, and a number in so many bytes, also a negative one. */
  function sized(code: number, width: number, value: number): void {
    byte(code + width);
    let end = take(2 ** width) + 2 ** width;
    for (let left = 2 ** width; left > 0; left--) {
      bytes[--end] = value % 0x100;
      value = Math.floor(value / 0x100);
    }
  }

  function write(value: unknown): void {
    if (value === null || value === undefined) byte(0xc0);
    else if (typeof value === "boolean") byte(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") {
      if (!Number.isSafeInteger(value)) {
        byte(0xcb);
        const from = take(8);
        new DataView(bytes.buffer).setFloat64(from, value);
      } else if (value >= -0x20 && value < 0x80) byte(value);
      else if (value < 0) sized(0xd0, widthOf(-2 * value - 1), value);
      else sized(0xcc, widthOf(value), value);
    } else if (typeof value === "string") {
      const size = utf8Length(value);
      if (size < 0x20) byte(0xa0 | size);
      else sized(0xd9, widthOf(size), size);
      const from = take(size);
      (encoder ??= new TextEncoder()).encodeInto(value, bytes.subarray(from, at));
    } else if (value instanceof Uint8Array) {
      sized(0xc4, widthOf(value.length), value.length);
      const from = take(value.length);
      bytes.set(value, from);
    } else if (Array.isArray(value)) {
      counted(0x90, 0xdb, value.length);
      for (const item of value) write(item);
    } else {
      const map = value as Record<string, unknown>;
      const keys = Object.keys(map).filter((key) => map[key] !== undefined);
      counted(0x80, 0xdd, keys.length);
      for (const key of keys) {
        write(key);
        write(map[key]);
      }
    }
  }

  /** How many values follow. */
  function counted(short: number, code: number, count: number): void {
    if (count < 0x10) byte(short | count);
    else sized(code, Math.max(widthOf(count), 1), count);
  }

  return (value) => {
    at = 0;
    write(value);
    return bytes.slice(0, at);
  };
}
