import type { IncomingMessage, ServerResponse } from "node:http";
import { ChatError, LIMITS } from "@chat/protocol";
import type { ConversationService } from "../http/conversation-service.js";

/** A request listener of `node:http`; Express and Connect take the same function as middleware. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** The body: as the application's own body parser left it, or read here, up to a limit. */
async function bodyOf(
  request: IncomingMessage & { body?: unknown },
): Promise<string | Uint8Array<ArrayBuffer> | undefined> {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  if (request.body !== undefined && request.readableEnded) {
    if (request.body instanceof Uint8Array) return new Uint8Array(request.body);
    return typeof request.body === "string" ? request.body : JSON.stringify(request.body);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > LIMITS.wireMessageBytes) {
      throw new ChatError("frame_too_large", `A body may have ${LIMITS.wireMessageBytes} bytes.`);
    }
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

/**
 * Adapts the service to Node. A path that is not the service's goes to `next`, or is answered 404.
 * @param addressOf the address that `authenticate` is told
 */
export function createNodeHandler(
  service: ConversationService,
  addressOf: (request: IncomingMessage) => string | undefined,
): NodeHandler {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (typeof value === "string") headers.set(name, value);
    }
    let answer: Response | undefined;
    try {
      const body = await bodyOf(request);
      answer = await service(
        new Request(new URL(request.url ?? "/", "http://chat.invalid"), {
          method: request.method ?? "GET",
          headers,
          ...(body !== undefined && { body }),
        }),
        addressOf(request),
      );
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      answer = Response.json(
        { error: { code: error.code, message: error.message, retryable: error.retryable } },
        { status: 413, headers: { connection: "close" } },
      );
    }
    if (answer === undefined) return false;
    response.statusCode = answer.status;
    answer.headers.forEach((value, name) => response.setHeader(name, value));
    response.end(Buffer.from(await answer.arrayBuffer()));
    return true;
  }

  return (request, response, next) => {
    handle(request, response).then(
      (answered) => {
        if (answered) return;
        if (next !== undefined) next();
        else
          response
            .writeHead(404, { "content-type": "application/json" })
            .end('{"error":{"code":"not_found"}}');
      },
      (error: unknown) => {
        if (next !== undefined) next(error);
        else if (!response.headersSent) response.writeHead(400).end();
      },
    );
  };
}
