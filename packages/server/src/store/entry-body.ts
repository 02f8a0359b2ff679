import { ChatError, ENTRY_KINDS, isUuid, type JsonObject, uuidFromBytes, uuidToBytes } from "@chat/protocol";
import { Decoder, Encoder } from "@msgpack/msgpack";
import type { StoredEntry } from "./stored-entry.js";

/** The first element of every body; a body of a later version is refused, never misread. */
const BODY_VERSION = 1;

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/** An entry without what its key says. */
export type BodyArray = [
  version: number,
  senderId: string | Uint8Array,
  deviceId: string | Uint8Array,
  clientMessageId: string | Uint8Array,
  createdAt: number,
  ordinal: number,
  fingerprint: number,
  text: string | null | undefined,
  kind: string | null | undefined,
  data: JsonObject | null | undefined,
  replyTo: number | null | undefined,
  redacted: true | null | undefined,
  mentions: readonly (string | Uint8Array)[] | undefined,
];

/** A UUID as its 16 bytes, anything else as it is: both ways are exact, and never equal to each other. */
export function packId(id: string): string | Uint8Array {
  return isUuid(id) ? uuidToBytes(id) : id;
}

/** What {@link packId} was given. */
export function unpackId(id: string | Uint8Array): string {
  return typeof id === "string" ? id : uuidFromBytes(id);
}

/** The body of an entry; absent fields at the end are left out. */
export function toBody(entry: StoredEntry): BodyArray {
  const body: BodyArray = [
    BODY_VERSION,
    packId(entry.senderId),
    packId(entry.deviceId),
    packId(entry.clientMessageId),
    entry.createdAt,
    entry.ordinal,
    entry.fingerprint,
    entry.text,
    entry.kind === ENTRY_KINDS.text ? undefined : entry.kind,
    entry.data,
    entry.replyTo,
    entry.redacted,
    entry.mentions?.map(packId),
  ];
  while (body[body.length - 1] === undefined) body.pop();
  return body;
}

/** The body as one msgpack array. */
export function encodeBody(entry: StoredEntry): Uint8Array {
  return encoder.encode(toBody(entry));
}

/** The entry of a stored body. @throws ChatError `store_unavailable` if a later version wrote it */
export function decodeBody(conversationId: string, messageId: number, bytes: Uint8Array): StoredEntry {
  return fromBody(conversationId, messageId, decoder.decode(bytes) as BodyArray);
}

/** The entry of a body. @throws ChatError `store_unavailable` if a later version made it */
export function fromBody(conversationId: string, messageId: number, body: BodyArray): StoredEntry {
  const [
    version,
    senderId,
    deviceId,
    clientMessageId,
    createdAt,
    ordinal,
    fingerprint,
    text,
    kind,
    data,
    replyTo,
    redacted,
    mentions,
  ] = body;
  if (version !== BODY_VERSION) {
    const sentence = `Entry ${messageId} was written by a newer version of @chat/server; upgrade this one.`;
    throw new ChatError("store_unavailable", sentence);
  }
  return {
    conversationId,
    messageId,
    senderId: unpackId(senderId),
    deviceId: unpackId(deviceId),
    clientMessageId: unpackId(clientMessageId),
    kind: kind ?? ENTRY_KINDS.text,
    ...(text != null && { text }),
    ...(data != null && { data }),
    ...(replyTo != null && { replyTo }),
    ...(redacted === true && { redacted }),
    ...(mentions != null && { mentions: mentions.map(unpackId) }),
    createdAt,
    ordinal,
    fingerprint,
  };
}
