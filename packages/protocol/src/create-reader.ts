import { ChatError } from "./chat-error.js";
import { LIMITS } from "./limits.js";

export function malformed(what: string): ChatError {
  return new ChatError("malformed_frame", `The bytes are no msgpack frames: ${what}.`);
}

function tooLarge(what: string): ChatError {
  return new ChatError("frame_too_large", `The message holds ${what}; send less at once.`);
}

/** Bytes from which the platform's decoder is faster than ours. */
export const LONG = 64;

/** The text of UTF-8 bytes. @throws ChatError `malformed_frame` */
export type TextReader = (bytes: Uint8Array) => string;

/** Takes what every decoder takes (RFC 3629). Made at the first text: a page may lack it (jsdom under Jest) and never read one. */
export function strictText(): TextReader {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  return (bytes) => {
    try {
      decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      return decoder.decode(bytes);
    } catch {
      throw malformed("a string is not UTF-8");
    }
  };
}

/**
 * Reads the msgpack values of one WebSocket message. A 50-byte message may claim 2^32 elements or nest a thousand arrays, and a
 * decoder that believes it is lost: here every count is compared with the bytes that are there before anything is made for it.
 * @throws ChatError `malformed_frame` (truncated, reserved byte, extension type, no UTF-8, a map's key that is no string or is
 * `__proto__`), `frame_too_large` (frames, depth, values)
 */
export function createReader(
  maxNodes: number,
  readText: TextReader = strictText(),
): (message: Uint8Array) => unknown[] {
  let bytes: Uint8Array;
  let view: DataView;
  let at: number;
  let nodes: number;

  /** Steps over `size` bytes, and returns where they begin. */
  function take(size: number): number {
    if (size > bytes.length - at) throw malformed("they end inside a value");
    at += size;
    return at - size;
  }

  /** A number of 2 to the power of `width` bytes. */
  function uint(width: number): number {
    if (width === 0) return bytes[take(1)]!;
    if (width === 1) return view.getUint16(take(2));
    return width === 2 ? view.getUint32(take(4)) : uint(2) * 2 ** 32 + uint(2);
  }

  function text(size: number): string {
    const from = take(size);
    let text = "";
    // The platform's decoder takes longer to begin than most texts to be read.
    if (size < LONG)
      for (let next = from; next < at && bytes[next]! < 0x80;) text += String.fromCharCode(bytes[next++]!);
    return text.length === size ? text : readText(bytes.subarray(from, at));
  }

  /** @param depth levels above this one */
  function hold(count: number, depth: number): void {
    // Every value takes at least one byte.
    if (count > bytes.length - at) throw malformed("a count is larger than the bytes that follow");
    if (count > 0 && depth === LIMITS.frameDepth)
      throw tooLarge(`more than ${LIMITS.frameDepth} levels of nesting`);
  }

  function array(count: number, depth: number): unknown[] {
    hold(count, depth);
    const items: unknown[] = [];
    while (items.length < count) items.push(value(depth + 1));
    return items;
  }

  function map(count: number, depth: number): object {
    hold(count * 2, depth);
    const entries: Record<string, unknown> = {};
    for (; count > 0; count--) {
      const key = value(depth + 1);
      // A number would be a second spelling of the same key.
      if (typeof key !== "string" || key === "__proto__")
        throw malformed("a key of a map is no string, or __proto__");
      entries[key] = value(depth + 1);
    }
    return entries;
  }

  function value(depth: number): unknown {
    if (++nodes > maxNodes) throw tooLarge(`a frame of more than ${maxNodes} values`);
    const head = bytes[take(1)]!;
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 0x0f, depth);
    if (head < 0xa0) return array(head & 0x0f, depth);
    if (head < 0xc0) return text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    if (head === 0xc0) return null;
    if (head === 0xc2 || head === 0xc3) return head === 0xc3;
    if (head >= 0xc4 && head <= 0xc6) return bytes.subarray(take(uint(head - 0xc4)), at);
    if (head === 0xca) return view.getFloat32(take(4));
    if (head === 0xcb) return view.getFloat64(take(8));
    if (head >= 0xcc && head <= 0xcf) return uint(head - 0xcc);
    if (head === 0xd3) return view.getInt32(take(4)) * 2 ** 32 + uint(2);
    if (head >= 0xd0 && head <= 0xd2) {
      // Widened to 32 bits with its sign.
      const unused = 32 - 8 * 2 ** (head - 0xd0);
      return (uint(head - 0xd0) << unused) >> unused;
    }
    if (head >= 0xd9 && head <= 0xdb) return text(uint(head - 0xd9));
    if (head === 0xdc || head === 0xdd) return array(uint(head - 0xdb), depth);
    if (head >= 0xde) return map(uint(head - 0xdd), depth);
    throw malformed(head === 0xc1 ? "0xc1 is reserved" : "extension types are not used");
  }

  return (message) => {
    bytes = message;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    at = 0;
    const frames: unknown[] = [];
    while (at < bytes.length) {
      if (frames.length === LIMITS.framesPerWireMessage)
        throw tooLarge(`more than ${LIMITS.framesPerWireMessage} frames`);
      nodes = 0;
      frames.push(value(0));
    }
    return frames;
  };
}
