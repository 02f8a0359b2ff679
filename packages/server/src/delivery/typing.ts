import { decode, encode } from "@msgpack/msgpack";

/** A member is writing, or has stopped. */
export interface Typing {
  readonly conversationId: string;
  readonly userId: string;
  readonly typing: boolean;
}

/** Tells an envelope of typing from others. */
const MARK = "typing";

/** The bytes of an envelope by which one server tells another. */
export function encodeTyping({ conversationId, userId, typing }: Typing): Uint8Array {
  return encode([MARK, conversationId, userId, typing]);
}

/** Reads such an envelope; undefined if it is another. */
export function decodeTyping(bytes: Uint8Array): Typing | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value[0] !== MARK) return undefined;
  const [, conversationId, userId, typing] = value as [string, unknown, unknown, unknown];
  const isTyping =
    typeof conversationId === "string" && typeof userId === "string" && typeof typing === "boolean";
  return isTyping ? { conversationId, userId, typing } : undefined;
}
