import { ENTRY_KINDS, firstCharacters, LIMITS, type LatestMessage } from "@chat/protocol";
import { Decoder, Encoder } from "@msgpack/msgpack";
import type { StoredEntry } from "../stored-entry.js";

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

type LatestArray = [
  messageId: number,
  senderId: string,
  createdAt: number,
  snippet: string | null | undefined,
  kind: string | null | undefined,
  redacted: boolean | null | undefined,
];

/** The latest message of a conversation row, as one msgpack array. */
export function encodeLatest(latest: LatestMessage): Uint8Array {
  const { messageId, senderId, createdAt, snippet, kind, redacted } = latest;
  return encoder.encode([messageId, senderId, createdAt, snippet, kind, redacted] satisfies LatestArray);
}

export function decodeLatest(bytes: Uint8Array): LatestMessage {
  const [messageId, senderId, createdAt, snippet, kind, redacted] = decoder.decode(bytes) as LatestArray;
  return {
    messageId,
    senderId,
    createdAt,
    ...(snippet != null && { snippet }),
    ...(kind != null && { kind }),
    ...(redacted === true && { redacted }),
  };
}

/** What a row goes on to show of a message that was redacted. */
export function concealed({ snippet: _, ...latest }: LatestMessage): LatestMessage {
  return { ...latest, redacted: true };
}

/** What a row shows of a message. */
export function latestOf({
  messageId,
  senderId,
  createdAt,
  text,
  kind,
  redacted,
}: StoredEntry): LatestMessage {
  return {
    messageId,
    senderId,
    createdAt,
    ...(text !== undefined && { snippet: firstCharacters(text, LIMITS.snippetCharacters) }),
    ...(kind !== ENTRY_KINDS.text && { kind }),
    ...(redacted === true && { redacted }),
  };
}
