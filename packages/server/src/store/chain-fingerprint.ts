import type { StoredEntry } from "./stored-entry.js";

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

function mix(hash: number, value: string | number | undefined): number {
  const text = value === undefined ? "" : String(value);
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), PRIME);
  return Math.imul(hash ^ 0x1f, PRIME);
}

/**
 * The fingerprint of an entry: 32 bits (FNV-1a) over what identifies it and over the fingerprint before it.
 * Two histories that differ anywhere at or below an id differ there with a chance of 1 − 2^-32; it detects a
 * restored backup, not an attacker. Never 0, which stands for "before the first entry".
 * @param previous the fingerprint of the entry before, 0 for the first
 */
export function chainFingerprint(
  previous: number,
  entry: Pick<StoredEntry, "messageId" | "senderId" | "deviceId" | "clientMessageId" | "createdAt">,
): number {
  let hash = OFFSET;
  hash = mix(hash, previous);
  hash = mix(hash, entry.messageId);
  hash = mix(hash, entry.senderId);
  hash = mix(hash, entry.deviceId);
  hash = mix(hash, entry.clientMessageId);
  hash = mix(hash, entry.createdAt);
  return hash >>> 0 || 1;
}
