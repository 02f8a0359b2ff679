import { ChatError } from "./chat-error.js";
import { LIMITS } from "./limits.js";
import type { Random } from "./runtime.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// C0, DEL and C1 controls, and lone surrogates: they hide in logs and URLs.
// eslint-disable-next-line no-control-regex
const FORBIDDEN_IN_ID = /[\u0000-\u001f\u007f-\u009f]|\p{Cs}/u;
/** The character codes of the last UUID that was written; its hyphens stay. */
const written = new Array<number>(36).fill(0x2d);

/**
 * The sender of what the application itself does and writes, in conversations that it is no member of. No user has this id:
 * servers refuse tokens of such a user, and members of that name.
 */
export const SYSTEM_USER = "chat:system";

/** True for a UUID in its canonical form: lower case with hyphens. Any version. */
export function isUuid(value: string): boolean {
  return value.length === 36 && UUID.test(value);
}

/** The value of a hex digit in lower case, by its code. */
function digit(code: number): number {
  return code < 0x61 ? code - 0x30 : code - 0x57;
}

/** The code of a hex digit. */
function codeOf(value: number): number {
  return value + (value < 10 ? 0x30 : 0x57);
}

/** The 16 bytes of a canonical UUID. */
export function uuidToBytes(uuid: string): Uint8Array {
  const bytes = new Uint8Array(16);
  let at = 0;
  for (let index = 0; index < 16; index++) {
    if (at === 8 || at === 13 || at === 18 || at === 23) at++;
    bytes[index] = (digit(uuid.charCodeAt(at)) << 4) | digit(uuid.charCodeAt(at + 1));
    at += 2;
  }
  return bytes;
}

/** The canonical UUID of 16 bytes. */
export function uuidFromBytes(bytes: Uint8Array): string {
  let at = 0;
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) at++;
    const byte = bytes[index]!;
    written[at++] = codeOf(byte >> 4);
    written[at++] = codeOf(byte & 15);
  }
  // In one piece: a string that is put together bit by bit keeps all its bits, as long as it lives.
  return String.fromCharCode(...written);
}

/**
 * A new UUID (RFC 9562): random (§5.4), or, given a time in wall-clock ms, one that sorts by it (§5.7): what is made together is then
 * stored together. Unique either way, whatever the clock says.
 */
export function newUuid(random: Random, now?: number): string {
  const bytes = random.bytes(16);
  if (now !== undefined) {
    for (let index = 5, rest = now; index >= 0; index--, rest = Math.floor(rest / 256)) bytes[index] = rest;
  }
  bytes[6] = (bytes[6]! & 0x0f) | (now === undefined ? 0x40 : 0x70);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}

/** UTF-8 bytes of a string. A lone surrogate counts as the three bytes of U+FFFD, which encoders write for it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7ff) {
      bytes += 2;
      // Both halves of a pair take four bytes together, so the second one is counted already.
      if (text.codePointAt(index)! > 0xffff) index++;
    } else if (unit > 0x7f) bytes += 1;
  }
  return bytes;
}

/** True for what may be a conversation id or user id: 1 to 128 UTF-8 bytes, no control characters. */
export function isId(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= LIMITS.idBytes &&
    utf8Length(value) <= LIMITS.idBytes &&
    !FORBIDDEN_IN_ID.test(value)
  );
}

/**
 * Checks a conversation id or user id that an application chose.
 * @throws ChatError `invalid_argument`
 */
export function assertId(value: unknown, name: string): asserts value is string {
  if (!isId(value)) {
    throw new ChatError(
      "invalid_argument",
      `${name} must be a string of 1 to ${LIMITS.idBytes} UTF-8 bytes without control characters.`,
    );
  }
}
