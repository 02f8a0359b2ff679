import {
  ChatError,
  ERROR_CODES,
  type ErrorCode,
  isChatError,
  isErrorCode,
  isUuid,
  type JsonObject,
  LIMITS,
} from "@chat/protocol";
import type { OriginCheck } from "../admission/allowed-origins.js";
import { loggableDefect } from "../admission/loggable-error.js";
import type { OperationClass, OperationRates } from "../admission/operation-rates.js";
import { sendWithinRate } from "../admission/send-within-rate.js";
import type { Tally } from "../admission/tally.js";
import { getConversation } from "../operations/get-conversation.js";
import { getRange } from "../operations/get-range.js";
import { listConversations } from "../operations/list-conversations.js";
import type { Caller, OperationContext } from "../operations/operation-context.js";
import { crossOrigin } from "./cross-origin.js";

/** The device of requests that name none; an application's backend, say. */
const NO_DEVICE = "00000000-0000-4000-8000-000000000000";

const HEALTH = "/health";

const STATUS: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  diverged: 409,
  cursor_invalid: 409,
  frame_too_large: 413,
  limit_exceeded: 422,
  rate_limited: 429,
  internal: 500,
};

/** What the service works with. */
export interface ConversationServiceOptions {
  readonly context: OperationContext;
  readonly isAllowedOrigin: OriginCheck;
  readonly rates: OperationRates;
  readonly tally: Tally;
  /** Resolves when the server is ready. */
  ready(): Promise<unknown>;
  /** The user of a bearer token. @throws ChatError `unauthenticated` */
  authenticate(token: string, request: Request, address: string | undefined): Promise<string>;
}

/**
 * Answers a request to the HTTP service; undefined for a path that is not its own.
 * @param address of who asks, where it is known
 */
export type ConversationService = (request: Request, address?: string) => Promise<Response | undefined>;

type Route = (caller: Caller, parameters: URLSearchParams, request: Request, id: string) => Promise<unknown>;

function integer(parameters: URLSearchParams, name: string): number | undefined {
  const value = parameters.get(name);
  if (value === null) return undefined;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new ChatError("invalid_argument", `${name} must be a whole number.`);
  return number;
}

async function jsonOf(request: Request): Promise<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = await request.json();
  } catch (cause) {
    if (isChatError(cause)) throw cause;
    throw new ChatError("invalid_argument", "The body must be JSON.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ChatError("invalid_argument", "The body must be a JSON object.");
  }
  return value as Record<string, unknown>;
}

function optionalOf<T>(body: Readonly<Record<string, unknown>>, name: string, type: string): T | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw new ChatError("invalid_argument", `${name} must be a ${type}.`);
  return value as T;
}

function json(status: number, value: unknown): Response {
  return Response.json(value, {
    status,
    headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}

/**
 * The stateless HTTP service, as a function from Request to Response, over the same operations as the sockets.
 * Paths are relative to where the application mounted it.
 */
export function createConversationService(options: ConversationServiceOptions): ConversationService {
  const { context, rates, tally } = options;

  /** `counts` is what a request takes off the user's rates here; sending does so after its key was looked up. */
  const routes: readonly { method: string; path: RegExp; counts?: OperationClass; run: Route }[] = [
    {
      method: "GET",
      path: /^\/conversations$/,
      counts: "list",
      async run(caller, parameters) {
        const page = parameters.get("page");
        const limit = integer(parameters, "limit") ?? 50;
        return listConversations(context, caller, { limit, ...(page !== null && { page }) });
      },
    },
    {
      method: "GET",
      path: /^\/conversations\/([^/]+)$/,
      counts: "read",
      run: (caller, _parameters, _request, id) => getConversation(context, caller, id),
    },
    {
      method: "GET",
      path: /^\/conversations\/([^/]+)\/messages$/,
      counts: "read",
      async run(caller, parameters, _request, id) {
        const after = integer(parameters, "after");
        const around = integer(parameters, "around");
        const newest = after === undefined && around === undefined ? Number.MAX_SAFE_INTEGER : undefined;
        const before = integer(parameters, "before") ?? newest;
        return getRange(context, caller, {
          conversationId: id,
          limit: integer(parameters, "limit") ?? 50,
          ...(after !== undefined && { after }),
          ...(before !== undefined && { before }),
          ...(around !== undefined && { around }),
        });
      },
    },
    {
      method: "POST",
      path: /^\/conversations\/([^/]+)\/messages$/,
      async run(caller, _parameters, request, id) {
        const body = await jsonOf(request);
        const clientMessageId = body["clientMessageId"];
        if (typeof clientMessageId !== "string" || !isUuid(clientMessageId)) {
          throw new ChatError(
            "invalid_argument",
            "clientMessageId must be a UUID in lower case; keep it for a resend.",
          );
        }
        const text = optionalOf<string>(body, "text", "string");
        const kind = optionalOf<string>(body, "kind", "string");
        const data = optionalOf<JsonObject>(body, "data", "object");
        const replyTo = optionalOf<number>(body, "replyTo", "number");
        const outcomes = await sendWithinRate(context, rates.ofUser(caller.userId), caller, id, [
          {
            clientMessageId,
            ...(text !== undefined && { text }),
            ...(kind !== undefined && { kind }),
            ...(data !== undefined && { data }),
            ...(replyTo !== undefined && { replyTo }),
          },
        ]);
        const outcome = outcomes[0]!;
        if (outcome.status === "refused") throw outcome.error;
        tally.acknowledged++;
        const { messageId, createdAt } = outcome.entry;
        return { messageId, createdAt };
      },
    },
  ];

  async function callerOf(request: Request, address: string | undefined): Promise<Caller> {
    const token = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined || token.length > LIMITS.tokenBytes) {
      throw new ChatError("unauthenticated", "Send the token as Authorization: Bearer ….");
    }
    const deviceId = request.headers.get("chat-device-id") ?? NO_DEVICE;
    if (!isUuid(deviceId))
      throw new ChatError("invalid_argument", "Chat-Device-Id must be a UUID in lower case.");
    return { userId: await options.authenticate(token, request, address), deviceId };
  }

  function failure(error: unknown): Response {
    if (!isChatError(error)) {
      context.runtime.log("error", "http_request_failed", {
        ...loggableDefect(error),
      });
      return failure(new ChatError("internal", "The server failed; try again."));
    }
    // An `internal` that an operation made hides a defect: its cause is for the log.
    if (error.code === "internal" && error.cause !== undefined) {
      context.runtime.log("error", "http_request_failed", { ...loggableDefect(error.cause) });
    }
    tally.refused(error.code);
    const known = isErrorCode(error.code) ? STATUS[error.code] : undefined;
    const status = known ?? (isErrorCode(error.code) && ERROR_CODES[error.code].retryable ? 503 : 400);
    const { code, message, retryable, retryAfter } = error;
    const response = json(status, {
      error: { code, message, retryable, ...(retryAfter !== undefined && { retryAfter }) },
    });
    if (retryAfter !== undefined) response.headers.set("retry-after", `${Math.ceil(retryAfter / 1_000)}`);
    return response;
  }

  async function answer(
    request: Request,
    url: URL,
    address: string | undefined,
  ): Promise<Response | undefined> {
    if (url.pathname === HEALTH) {
      if (request.method !== "GET" && request.method !== "HEAD") return undefined;
      await options.ready();
      return json(200, { status: "ok" });
    }
    for (const { method, path, counts, run } of routes) {
      const match = request.method === method ? path.exec(url.pathname) : null;
      if (match === null) continue;
      let id: string;
      try {
        id = decodeURIComponent(match[1] ?? "");
      } catch {
        throw new ChatError(
          "invalid_argument",
          "The conversation id in the path is not percent-encoded UTF-8.",
        );
      }
      await options.ready();
      const caller = await callerOf(request, address);
      const refusal = counts === undefined ? undefined : rates.ofUser(caller.userId).take(counts);
      if (refusal !== undefined) throw refusal;
      return json(200, await run(caller, url.searchParams, request, id));
    }
    return undefined;
  }

  /** Answers; a refusal is an answer too. */
  async function answerAny(
    request: Request,
    url: URL,
    address: string | undefined,
  ): Promise<Response | undefined> {
    try {
      return await answer(request, url, address);
    } catch (error) {
      return failure(error);
    }
  }

  return async (request, address) => {
    const url = new URL(request.url);
    if (url.pathname !== HEALTH && !routes.some(({ path }) => path.test(url.pathname))) return undefined;
    try {
      return await crossOrigin(request, options.isAllowedOrigin, () => answerAny(request, url, address));
    } catch (error) {
      return failure(error);
    }
  };
}
