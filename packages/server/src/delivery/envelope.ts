import { Decoder, Encoder } from "@msgpack/msgpack";
import { ENVELOPE_BYTES } from "../fanout/fanout.js";
import { type BodyArray, fromBody, packId, toBody, unpackId } from "../store/entry-body.js";
import type { StoredEntry } from "../store/stored-entry.js";

/** What one server tells another: a conversation moved to `head`; `entries`, where they fit, spare the reading. */
export interface Envelope {
  readonly conversationId: string;
  readonly head: number;
  /** A contiguous run that ends at `head`, or nothing. */
  readonly entries: readonly StoredEntry[];
}

/**
 * Servers of two versions run side by side while a new one is rolled out. What is added stands behind what is there (of the envelope, and of a
 * body), and an older server steps over it; this number does not change by that. It is raised when entries are told otherwise: to an older
 * server such an envelope is a hint, so that conversation and head stay where they are for good.
 */
const VERSION = 2;

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/** The bytes of an envelope; without its entries where these are too large. Every server that is told reads them: they are as short as those in a store. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { conversationId, head, entries } = envelope;
  const told = [VERSION, packId(conversationId), head];
  const ids = entries.map(({ messageId }) => messageId);
  const bytes = encoder.encode([...told, ids, entries.map(toBody)]);
  return bytes.length <= ENVELOPE_BYTES ? bytes : encoder.encode([...told, [], []]);
}

/** Reads an envelope, without its entries where a later version told them; undefined if it is none. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  let value: unknown;
  try {
    value = decoder.decode(bytes);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [version, packed, head, ids, bodies] = value as unknown[];
  if (typeof version !== "number" || version < VERSION || !Number.isSafeInteger(head)) return undefined;
  if (typeof packed !== "string" && !isPackedId(packed)) return undefined;
  const conversationId = unpackId(packed);
  if (version > VERSION) return { conversationId, head: head as number, entries: [] };
  if (!Array.isArray(ids) || !Array.isArray(bodies)) return undefined;
  return { conversationId, head: head as number, entries: entriesOf(conversationId, ids, bodies) };
}

function isPackedId(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 16;
}

/** Nothing where one is damaged or of a later version: a hint it is still, and what can't be delivered as it came is read from the store. */
function entriesOf(
  conversationId: string,
  ids: readonly unknown[],
  bodies: readonly unknown[],
): readonly StoredEntry[] {
  try {
    const entries = bodies.map((body, at) => fromBody(conversationId, ids[at] as number, body as BodyArray));
    return entries.every(isEntry) ? entries : [];
  } catch {
    return [];
  }
}

function isEntry(fields: { readonly [Key in keyof StoredEntry]?: unknown }): boolean {
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
