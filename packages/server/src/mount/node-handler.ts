import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import type { ConversationService } from "../http/conversation-service.js";
import { nothingHere } from "../http/failure.js";

/** A request listener of `node:http`; Express and Connect take the same function as middleware. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** The body: as the application's own body parser left it, or as it comes off the network. */
function bodyOf(request: IncomingMessage & { body?: unknown }): Body | undefined {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  // A parser that found nothing of its own leaves the stream alone, whatever it made of `body`.
  if (request.body !== undefined && request.readableEnded) {
    if (request.body instanceof Uint8Array) return new Uint8Array(request.body);
    return typeof request.body === "string" ? request.body : JSON.stringify(request.body);
  }
  return untouched(request);
}

/** The bytes of a request, which stays as it is for others until somebody reads them here. */
function untouched(request: IncomingMessage): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array, undefined> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // The answer still has to go out over the socket when reading was given up.
        chunks ??= request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array, undefined>;
        const chunk = await chunks.next();
        if (chunk.done) controller.close();
        else controller.enqueue(chunk.value);
      },
      async cancel() {
        await chunks?.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** What Fetch has no Request for. */
const NOT_FETCHED = ["CONNECT", "TRACE", "TRACK"];

/** Undefined for a method or a target that is none of the service's, and of which no Request can be made. */
function toRequest(request: IncomingMessage): Request | undefined {
  // A path that begins with two slashes is none of another host.
  const url = `http://chat.invalid${request.url ?? "/"}`;
  if (NOT_FETCHED.includes((request.method ?? "GET").toUpperCase()) || !URL.canParse(url)) return undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    // Pseudo headers of HTTP/2 are none.
    if (name.startsWith(":")) continue;
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  }
  // What HTTP/2 calls the host: pages are told from foreign ones by it.
  const authority = request.headers[":authority"];
  if (typeof authority === "string" && !headers.has("host")) headers.set("host", authority);
  const body = bodyOf(request);
  return new Request(url, {
    method: request.method ?? "GET",
    headers,
    ...(body !== undefined && { body, duplex: "half" }),
  });
}

async function write(answer: Response, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.statusCode = answer.status;
  answer.headers.forEach((value, name) => response.setHeader(name, value));
  // What is left of a body that is too large is not read. HTTP/2 has no such header, and other streams beside this one.
  if (answer.status === 413 && request.httpVersionMajor === 1) response.setHeader("connection", "close");
  const body: unknown = answer.body;
  if (body === null) response.end();
  // Not as an iterable: its end waits for a read that is under way, and so a stream whose device has gone for the next thing to say.
  else await pipeline(Readable.fromWeb(body as WebStream, { highWaterMark: 0 }), response);
}

/**
 * Adapts the service to Node. A path that is not the service's goes to `next`, or is answered 404.
 * @param addressOf the address that `authenticate` is told
 */
export function createNodeHandler(
  service: ConversationService,
  addressOf: (request: IncomingMessage) => string | undefined,
): NodeHandler {
  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    isLast: boolean,
  ): Promise<boolean> {
    const fetched = toRequest(request);
    const answer =
      (fetched && (await service(fetched, addressOf(request)))) ?? (isLast ? nothingHere() : undefined);
    if (answer === undefined) return false;
    await write(answer, request, response);
    return true;
  }

  return (request, response, next) => {
    handle(request, response, next === undefined).then(
      (answered) => {
        if (!answered) next?.();
      },
      (error: unknown) => {
        // Half an answer can't be taken back, and its reader has gone: there is nobody to tell.
        if (response.headersSent || response.destroyed) response.destroy();
        else if (next !== undefined) next(error);
        else response.writeHead(400).end();
      },
    );
  };
}
