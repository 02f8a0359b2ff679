/** Bytes as two lower-case digits each: how lists of them are handed to every SQL server. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
