import { decode, encode } from "@msgpack/msgpack";

/** A member is writing, or has stopped. */
export interface Typing {
  readonly conversationId: string;
  readonly userId: string;
  readonly typing: boolean;
  /** Members whom the user has blocked: they are not told. */
  readonly hiddenFrom: readonly string[];
}

/** Tells an envelope of typing from others. */
const MARK = "typing";

/** The bytes of an envelope by which one server tells another. */
export function encodeTyping({ conversationId, userId, typing, hiddenFrom }: Typing): Uint8Array {
  return encode([MARK, conversationId, userId, typing, hiddenFrom]);
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
  const [, conversationId, userId, typing, hidden] = value as [string, ...unknown[]];
  const isTyping =
    typeof conversationId === "string" && typeof userId === "string" && typeof typing === "boolean";
  const hiddenFrom = Array.isArray(hidden) ? (hidden as string[]) : [];
  return isTyping ? { conversationId, userId, typing, hiddenFrom } : undefined;
}
