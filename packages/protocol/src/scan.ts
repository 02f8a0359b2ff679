import { ChatError } from "./chat-error.js";
import { LIMITS } from "./limits.js";

function malformed(what: string): ChatError {
  return new ChatError("malformed_frame", `The bytes are no msgpack frames: ${what}.`);
}

function tooLarge(what: string): ChatError {
  return new ChatError("frame_too_large", `The message holds ${what}; send less at once.`);
}

/**
 * True if the bytes in [from, to) are UTF-8 (RFC 3629), or would be but for encoded surrogates: those are the mistake that a
 * careless device makes, and the schema answers it field by field. Of anything else, every decoder makes something different.
 */
function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to;) {
    const lead = bytes[at++]!;
    if (lead < 0x80) continue;
    const more = lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
    if (more < 0 || at + more > to) return false;
    const second = bytes[at]!;
    // Overlong forms, and what lies beyond U+10FFFF.
    if (lead === 0xe0 && second < 0xa0) return false;
    if (lead === 0xf0 && second < 0x90) return false;
    if (lead === 0xf4 && second > 0x8f) return false;
    for (let count = 0; count < more; count++) if ((bytes[at++]! & 0xc0) !== 0x80) return false;
  }
  return true;
}

/**
 * Walks over the msgpack values of one WebSocket message without building anything, and returns where each ends.
 * A 50-byte message may claim 2^32 elements or nest a thousand arrays, and a decoder that believes it is lost;
 * after this walk every count is known to fit into the bytes that are there.
 * @throws ChatError `malformed_frame` (truncated, reserved byte, extension type), `frame_too_large` (frames, depth, values)
 */
export function scanFrames(bytes: Uint8Array, maxNodes: number): number[] {
  const ends: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  // What is still to come at each level of nesting.
  const open = new Uint32Array(LIMITS.frameDepth);
  let at = 0;
  while (at < length) {
    if (ends.length === LIMITS.framesPerWireMessage)
      throw tooLarge(`more than ${LIMITS.framesPerWireMessage} frames`);
    let depth = 0;
    let nodes = 0;
    for (;;) {
      if (at >= length) throw malformed("they end inside a value");
      if (++nodes > maxNodes) throw tooLarge(`a frame of more than ${maxNodes} values`);
      const head = bytes[at++]!;
      let children = 0;
      let skip = 0;
      // How many bytes give the length of what follows: 0 none, else 1, 2 or 4; `unit` says of what.
      let sized = 0;
      let unit: "bytes" | "items" | "pairs" = "bytes";
      const isText = (head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb);
      if (head <= 0x7f || head >= 0xe0) {
        // positive or negative fixint: nothing follows
      } else if (head <= 0x8f) children = (head & 0x0f) * 2;
      else if (head <= 0x9f) children = head & 0x0f;
      else if (head <= 0xbf) skip = head & 0x1f;
      else {
        switch (head) {
          case 0xc0:
          case 0xc2:
          case 0xc3:
            break;
          case 0xc4:
          case 0xd9:
            sized = 1;
            break;
          case 0xc5:
          case 0xda:
            sized = 2;
            break;
          case 0xc6:
          case 0xdb:
            sized = 4;
            break;
          case 0xcc:
          case 0xd0:
            skip = 1;
            break;
          case 0xcd:
          case 0xd1:
            skip = 2;
            break;
          case 0xca:
          case 0xce:
          case 0xd2:
            skip = 4;
            break;
          case 0xcb:
          case 0xcf:
          case 0xd3:
            skip = 8;
            break;
          case 0xdc:
            [sized, unit] = [2, "items"];
            break;
          case 0xdd:
            [sized, unit] = [4, "items"];
            break;
          case 0xde:
            [sized, unit] = [2, "pairs"];
            break;
          case 0xdf:
            [sized, unit] = [4, "pairs"];
            break;
          default:
            throw malformed(head === 0xc1 ? "0xc1 is reserved" : "extension types are not used");
        }
      }
      if (sized > 0) {
        if (at + sized > length) throw malformed("they end inside a length");
        const size = sized === 1 ? bytes[at]! : sized === 2 ? view.getUint16(at) : view.getUint32(at);
        at += sized;
        if (unit === "bytes") skip = size;
        else children = unit === "pairs" ? size * 2 : size;
      }
      if (at + skip > length) throw malformed("they end inside a value");
      if (isText && !isUtf8(bytes, at, at + skip)) throw malformed("a string is not UTF-8");
      at += skip;
      if (children > 0) {
        // Every child takes at least one byte.
        if (children > length - at) throw malformed("a count is larger than the bytes that follow");
        if (depth === LIMITS.frameDepth) throw tooLarge(`more than ${LIMITS.frameDepth} levels of nesting`);
        open[depth++] = children;
      } else {
        while (depth > 0 && --open[depth - 1]! === 0) depth--;
        if (depth === 0) break;
      }
    }
    ends.push(at);
  }
  return ends;
}
