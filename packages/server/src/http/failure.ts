import { ChatError, ERROR_CODES, type ErrorCode, isErrorCode } from "@chat/protocol";

const STATUS: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  blocked: 403,
  unblock_first: 403,
  not_found: 404,
  conflict: 409,
  diverged: 409,
  cursor_invalid: 409,
  frame_too_large: 413,
  limit_exceeded: 422,
  rate_limited: 429,
  internal: 500,
};

/** The HTTP status of an error code: of its own, or 503 if it may be tried again, else 400. */
export function statusOf(code: string): number {
  if (!isErrorCode(code)) return 400;
  return STATUS[code] ?? (ERROR_CODES[code].retryable ? 503 : 400);
}

/** What every answer says to browsers: it is no page, whatever its bytes look like, and belongs into none. */
const NO_PAGE = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
};

/** An answer that no cache keeps. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(value, {
    status,
    headers: { "cache-control": "no-store", ...NO_PAGE, ...headers },
  });
}

/** What somebody is told of an error. */
export function failureResponse({ code, message, retryable, retryAfter }: ChatError): Response {
  return json(
    statusOf(code),
    { error: { code, message, retryable, ...(retryAfter !== undefined && { retryAfter }) } },
    {
      ...(retryAfter !== undefined && { "retry-after": `${Math.ceil(retryAfter / 1_000)}` }),
      ...(code === "unauthenticated" && { "www-authenticate": "Bearer" }),
    },
  );
}

/** The answer at a path that is neither the service's nor anybody else's. */
export function nothingHere(): Response {
  return failureResponse(new ChatError("not_found", "There is nothing at this path."));
}
