import { LONG, malformed, strictText, type TextReader } from "./create-reader.js";

/**
 * Reads the text of UTF-8 bytes (RFC 3629). Encoded surrogates come through: those are the mistake that a careless device makes, and the
 * schema answers it field by field. Of anything else every decoder makes something different, so it is refused.
 */
export function lenientText(): TextReader {
  const strict = strictText();
  return (bytes) => {
    if (bytes.length >= LONG) {
      try {
        return strict(bytes);
      } catch {
        // Ours knows why.
      }
    }
    return decodeUtf8(bytes);
  };
}

function decodeUtf8(bytes: Uint8Array): string {
  const to = bytes.length;
  let at = 0;
  let text = "";
  while (at < to) {
    let point = bytes[at++]!;
    if (point >= 0x80) {
      const more = point < 0xc2 ? -1 : point < 0xe0 ? 1 : point < 0xf0 ? 2 : point < 0xf5 ? 3 : -1;
      let sound = more > 0 && at + more <= to;
      point &= 0x3f >> more;
      for (const end = at + more; sound && at < end; at++) {
        sound = (bytes[at]! & 0xc0) === 0x80;
        point = (point << 6) | (bytes[at]! & 0x3f);
      }
      // No overlong forms, and nothing beyond U+10FFFF.
      if (!sound || point < 1 << (5 * more + 1) || point > 0x10ffff) throw malformed("a string is not UTF-8");
    }
    text += String.fromCodePoint(point);
  }
  return text;
}
