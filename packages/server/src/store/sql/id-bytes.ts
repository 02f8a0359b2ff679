import { isUuid, uuidToBytes } from "@chat/protocol";

const encoder = new TextEncoder();

/**
 * A device's or message's id as bytes: a UUID as its 16, anything else as UTF-8 with a NUL behind it, which no id holds, and
 * with two where it would be 16 bytes otherwise. So no two ids have the same.
 */
export function idBytes(id: string): Uint8Array {
  if (isUuid(id)) return uuidToBytes(id);
  const bytes = encoder.encode(`${id}\0`);
  return bytes.length === 16 ? encoder.encode(`${id}\0\0`) : bytes;
}
