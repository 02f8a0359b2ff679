import { ChatError } from "@chat/protocol";
import type { OriginCheck } from "../admission/allowed-origins.js";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS = "authorization, content-type, chat-device-id, chat-stream, if-none-match";
/** Seconds for which a browser need not ask again; browsers cap it at two hours at most. */
const MAX_AGE = "600";

/**
 * CORS around what answers requests of the service. A request without Origin comes from no page of another origin and passes; one
 * of an origin that is not allowed is refused before anything is done, so that no browser's leniency matters.
 * @throws ChatError `forbidden`
 */
export async function crossOrigin(
  request: Request,
  isAllowed: OriginCheck,
  answer: () => Promise<Response>,
): Promise<Response> {
  const origin = request.headers.get("origin");
  if (origin === null) return answer();
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (!isAllowed(origin, host)) {
    throw new ChatError("forbidden", "Pages of this origin may not use the chat; see allowedOrigins.");
  }
  const isPreflight = request.method === "OPTIONS" && request.headers.has("access-control-request-method");
  const response = isPreflight
    ? new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-methods": METHODS,
          "access-control-allow-headers": REQUEST_HEADERS,
          "access-control-max-age": MAX_AGE,
        },
      })
    : await answer();
  // No credentials mode: the token travels in a header that the page sets itself, never in a cookie.
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", "etag, retry-after");
  response.headers.append("vary", "origin");
  return response;
}
