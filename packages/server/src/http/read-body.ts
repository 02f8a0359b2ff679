import { ChatError, isChatError, LIMITS } from "@chat/protocol";
import type { BodyRoom } from "./body-room.js";

/**
 * Reads a body, and no further than the limit.
 * @param room where its bytes lie until it has come whole
 * @param key whose room it is
 * @param signal ends it early: what has come by then is returned
 * @throws ChatError `frame_too_large`, `overloaded` where there is no more room
 */
export async function readBytes(
  request: Request,
  room: BodyRoom,
  key: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  const end = (): void => void reader.cancel().catch(() => {});
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  signal?.addEventListener("abort", end);
  try {
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) break;
      bytes += value.length;
      room.take(key, value.length);
      if (bytes > LIMITS.wireMessageBytes) {
        throw new ChatError("frame_too_large", `A body may have ${LIMITS.wireMessageBytes} bytes.`);
      }
      chunks.push(value);
    }
  } catch (error) {
    end();
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
    room.give(key, bytes);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/**
 * Reads a body that must be a JSON object. The parameters are those of {@link readBytes}.
 * @throws ChatError `invalid_argument`, `frame_too_large`, `overloaded`
 */
export async function readJson(
  request: Request,
  room: BodyRoom,
  key: string,
): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    const bytes = await readBytes(request, room, key);
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    if (isChatError(cause)) throw cause;
    throw new ChatError("invalid_argument", "The body must be JSON, in UTF-8.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ChatError("invalid_argument", "The body must be a JSON object.");
  }
  return value as Record<string, unknown>;
}
