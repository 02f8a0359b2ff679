import { ChatError, isChatError, LIMITS } from "@chat/protocol";

/**
 * Reads a body, and no further than the limit.
 * @throws ChatError `frame_too_large`
 */
export async function readBytes(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > LIMITS.wireMessageBytes) {
      throw new ChatError("frame_too_large", `A body may have ${LIMITS.wireMessageBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/**
 * Reads a body that must be a JSON object.
 * @throws ChatError `invalid_argument`, `frame_too_large`
 */
export async function readJson(request: Request): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await readBytes(request)));
  } catch (cause) {
    if (isChatError(cause)) throw cause;
    throw new ChatError("invalid_argument", "The body must be JSON, in UTF-8.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ChatError("invalid_argument", "The body must be a JSON object.");
  }
  return value as Record<string, unknown>;
}
