import { ChatError, isChatError, isUuid, LIMITS } from "@chat/protocol";
import type { OriginCheck } from "../admission/allowed-origins.js";
import { loggableDefect } from "../admission/loggable-error.js";
import type { FairReads } from "../admission/fair-reads.js";
import type { OperationRates } from "../admission/operation-rates.js";
import type { StoreFailures } from "../admission/store-failures.js";
import type { Tally } from "../admission/tally.js";
import type { Caller, OperationContext } from "../operations/operation-context.js";
import { BodyRoom } from "./body-room.js";
import { crossOrigin } from "./cross-origin.js";
import { failureResponse, json } from "./failure.js";
import { openApiDocument } from "./openapi.js";
import { parseFields } from "./json-field.js";
import { readJson } from "./read-body.js";
import { revalidated } from "./revalidated.js";
import type { Route } from "./route.js";
import { ROUTES } from "./routes/index.js";

/** The device of requests that name none; an application's backend, say. */
const NO_DEVICE = "00000000-0000-4000-8000-000000000000";

/** Bytes of bodies of one user that may be on their way: eight of the largest. */
const BODY_BYTES = 8 * LIMITS.wireMessageBytes;

/** What the service works with. */
export interface ConversationServiceOptions {
  readonly context: OperationContext;
  readonly isAllowedOrigin: OriginCheck;
  readonly rates: OperationRates;
  readonly reads: FairReads;
  readonly tally: Tally;
  readonly failures: StoreFailures;
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

/** Answers what is asked at one path, by method. */
type Resource = Readonly<Record<string, (request: Request, url: URL, address?: string) => Promise<Response>>>;

/**
 * The stateless HTTP service, as a function from Request to Response, over the same operations as the sockets.
 * Paths are relative to where the application mounted it.
 */
export function createConversationService(options: ConversationServiceOptions): ConversationService {
  const { context, rates, tally } = options;
  const document = openApiDocument(ROUTES);
  const room = new BodyRoom(BODY_BYTES);

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

  async function run(
    route: Route,
    raw: Readonly<Record<string, string>>,
    request: Request,
    { searchParams }: URL,
    address: string | undefined,
  ): Promise<Response> {
    await options.ready();
    const caller = await callerOf(request, address);
    const allowance = rates.ofUser(caller.userId);
    const refusal = route.counts === undefined ? undefined : allowance.take(route.counts);
    if (refusal !== undefined) throw refusal;
    const path = parseFields(route.parameters ?? {}, (name) => raw[name]);
    const query = parseFields(route.query ?? {}, (name) =>
      route.query?.[name]?.schema["type"] === "array" ? searchParams.getAll(name) : searchParams.get(name),
    );
    const json = route.body === undefined ? {} : await readJson(request, room, caller.userId);
    const body = parseFields(route.body ?? {}, (name) =>
      Object.hasOwn(json, name) ? json[name] : undefined,
    );
    const act = (): Promise<unknown> => route.run({ context, caller, allowance, tally, path, query, body });
    const reads = route.counts === "read" || route.counts === "list";
    const answer = await (reads ? options.reads.run(caller.userId, act) : act());
    return route.revalidates ? revalidated(request, answer) : ok(answer);
  }

  function ok(value: unknown): Response {
    return json(200, value);
  }

  /** What lies at a path; undefined if it is not the service's. @throws ChatError `invalid_argument` */
  function resourceAt(pathname: string): Resource | undefined {
    if (pathname === "/health") {
      return { GET: async () => options.ready().then(() => ok({ status: "ok" })) };
    }
    if (pathname === "/openapi.json") return { GET: async (request) => revalidated(request, document) };
    const found = ROUTES.flatMap((route) => {
      const raw = route.match(pathname);
      if (raw === undefined) return [];
      return [
        [
          route.method,
          (request: Request, url: URL, address?: string) => run(route, raw, request, url, address),
        ] as const,
      ];
    });
    return found.length === 0 ? undefined : Object.fromEntries(found);
  }

  function failure(error: unknown): Response {
    // What isn't a ChatError is a defect, as is what an `internal` of an operation hides: for the log only.
    const defect = !isChatError(error) ? error : error.code === "internal" ? error.cause : undefined;
    if (defect !== undefined) {
      context.runtime.log("error", "http_request_failed", { ...loggableDefect(defect) });
    }
    const told = isChatError(error)
      ? options.failures.told(error)
      : new ChatError("internal", "The server failed; try again.");
    tally.refused(told.code);
    return failureResponse(told);
  }

  async function answer(request: Request, url: URL, resource: Resource, address?: string): Promise<Response> {
    const isHead = request.method === "HEAD";
    const method = isHead ? "GET" : request.method;
    // Any word may be a method, also one that every object has.
    const act = Object.hasOwn(resource, method) ? resource[method] : undefined;
    if (act === undefined) {
      const allow = Object.keys(resource).flatMap((method) =>
        method === "GET" ? ["GET", "HEAD"] : [method],
      );
      const refusal = new ChatError("unsupported", `There is no ${request.method} here.`);
      tally.refused(refusal.code);
      const { body, headers } = failureResponse(refusal);
      headers.set("allow", allow.join(", "));
      return new Response(body, { status: 405, headers });
    }
    try {
      const response = await act(request, url, address);
      return isHead ? new Response(null, response) : response;
    } catch (error) {
      // Within the CORS headers, so that the page may read why.
      return failure(error);
    }
  }

  return async (request, address) => {
    const url = new URL(request.url);
    try {
      const resource = resourceAt(url.pathname);
      if (resource === undefined) return undefined;
      return await crossOrigin(request, options.isAllowedOrigin, () =>
        answer(request, url, resource, address),
      );
    } catch (error) {
      return failure(error);
    }
  };
}
