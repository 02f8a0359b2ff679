import { decode, encode } from "@msgpack/msgpack";
import { ENVELOPE_BYTES } from "../fanout/fanout.js";
import type { StoredEntry } from "../store/stored-entry.js";

/** What one server tells another: a conversation moved to `head`; `entries`, where they fit, spare the reading. */
export interface Envelope {
  readonly conversationId: string;
  readonly head: number;
  /** A contiguous run that ends at `head`, or nothing. */
  readonly entries: readonly StoredEntry[];
}

const VERSION = 1;

/** The bytes of an envelope; without its entries where these are too large. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { conversationId, head, entries } = envelope;
  const bytes = encode([VERSION, conversationId, head, entries], { ignoreUndefined: true });
  return bytes.length <= ENVELOPE_BYTES ? bytes : encode([VERSION, conversationId, head, []]);
}

/** Reads an envelope; undefined if it is none or of another version (servers of two versions may share a broker). */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value[0] !== VERSION) return undefined;
  const [, conversationId, head, entries] = value as [number, unknown, unknown, unknown];
  if (typeof conversationId !== "string" || typeof head !== "number" || !Array.isArray(entries))
    return undefined;
  // Without the entries it is a hint still: what can't be delivered as it came is read from the store.
  return { conversationId, head, entries: entries.every(isEntry) ? entries : [] };
}

function isEntry(value: unknown): value is StoredEntry {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Partial<Record<keyof StoredEntry, unknown>>;
  const { messageId, senderId, kind, text, data, mentions, createdAt, ordinal, fingerprint } = fields;
  return (
    [messageId, createdAt, ordinal, fingerprint].every(Number.isSafeInteger) &&
    typeof senderId === "string" &&
    typeof kind === "string" &&
    (text === undefined || typeof text === "string") &&
    (data === undefined || (typeof data === "object" && data !== null)) &&
    (mentions === undefined || (Array.isArray(mentions) && mentions.every((id) => typeof id === "string")))
  );
}
