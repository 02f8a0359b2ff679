import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { NodeHandler } from "./node-handler.js";

/** What the plugin needs of a chat server. */
interface MountedChat {
  readonly handler: NodeHandler;
  attach(server: Server, options: { readonly path: string }): () => void;
}

/** What the plugin needs of Fastify 5, which the application brings. */
interface FastifyScope {
  readonly prefix: string;
  readonly server: unknown;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: null, body?: unknown) => void) => void,
  ): unknown;
  readonly all: unknown;
}

/** The one way in which the plugin uses Fastify's `all`, whose type depends on the application's. */
type All = (
  path: string,
  handler: (
    request: { readonly raw: IncomingMessage },
    reply: { readonly raw: ServerResponse; hijack(): unknown },
  ) => void,
) => void;

/** Options of {@link chatFastify}, beside Fastify's own `prefix`. */
export interface ChatFastifyOptions {
  /** Made by `createChatServer`; the application closes it, best in a `preClose` hook. */
  readonly chat: MountedChat;
  /** Whether WebSockets are taken at the prefix, too; true by default. */
  readonly webSocket?: boolean;
}

/**
 * Mounts a chat into Fastify 5: `await app.register(chatFastify, { prefix: "/chat", chat })`. The HTTP service answers below
 * the prefix, which has no parameters, and WebSockets are taken at it; other routes, parsers and upgrades stay the application's.
 */
export function chatFastify(
  scope: FastifyScope,
  { chat, webSocket = true }: ChatFastifyOptions,
  done: (error?: Error) => void,
): void {
  const prefix = scope.prefix.endsWith("/") ? scope.prefix.slice(0, -1) : scope.prefix;
  if (/[:*]/.test(prefix)) {
    done(new Error(`The chat can't be mounted at ${prefix}: its prefix must be the same for all.`));
    return;
  }
  // Within this scope only: the service reads its bodies itself, and knows their limits.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, parsed) => parsed(null));
  (scope.all as All).call(scope, "/*", ({ raw }, reply) => {
    reply.hijack();
    raw.url = (raw.url ?? "/").slice(prefix.length);
    chat.handler(raw, reply.raw);
  });
  if (webSocket) chat.attach(scope.server as Server, { path: prefix });
  done();
}
