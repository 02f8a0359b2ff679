import { type LatestMessage } from "@chat/protocol";
import { Decoder, Encoder } from "@msgpack/msgpack";

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

type LatestArray = [
  messageId: number,
  senderId: string,
  createdAt: number,
  snippet: string | null | undefined,
  kind: string | null | undefined,
];

/** The latest message of a conversation row, as one msgpack array. */
export function encodeLatest({ messageId, senderId, createdAt, snippet, kind }: LatestMessage): Uint8Array {
  return encoder.encode([messageId, senderId, createdAt, snippet, kind] satisfies LatestArray);
}

export function decodeLatest(bytes: Uint8Array): LatestMessage {
  const [messageId, senderId, createdAt, snippet, kind] = decoder.decode(bytes) as LatestArray;
  return {
    messageId,
    senderId,
    createdAt,
    ...(snippet != null && { snippet }),
    ...(kind != null && { kind }),
  };
}
