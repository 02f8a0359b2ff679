import type { Logger, Runtime } from "@chat/protocol";
import type { AllowedOrigins } from "./admission/allowed-origins.js";
import type { Metrics } from "./admission/metrics.js";
import { assertKnown } from "./assert-known.js";
import type { Discovery } from "./discovery/discovery.js";
import type { Fanout } from "./fanout/fanout.js";
import type { HookOptions } from "./operations/hooks.js";
import type { PushOptions } from "./push/push-provider.js";
import type { Registry } from "./registry/registry.js";
import type { Authenticate } from "./session/authenticate.js";
import type { Peer } from "./session/socket.js";
import type { ServerSettings } from "./settings.js";
import type { ChatStore } from "./store/chat-store.js";

/** What a server is made of. */
export interface ChatServerOptions extends HookOptions {
  /** Where messages and conversations live, for example `sqlite(new Database("chat.db"))`. */
  readonly store: ChatStore;
  /** The application's own check of who a token belongs to. */
  readonly authenticate: Authenticate;
  /** How several servers on one store tell each other at once what happened. Without it they find out by the change feed. */
  readonly fanout?: Fanout;
  /** Which server holds which session; goes with `fanout`. */
  readonly registry?: Registry;
  /** How users are told of messages that none of their devices takes; see docs/guides/push.md. No pushes by default. */
  readonly push?: PushOptions;
  /**
   * True: this server takes part in storing messages that were committed with rows of the application's own, see `chat.enqueue`; with a store
   * that can (SQLite, PostgreSQL, MySQL). One of the servers on a store does so at a time, and looks each 100 ms. False by default.
   */
  readonly outbox?: boolean;
  /** Names this server among those on one store; a random UUID by default. With `regionalFanout` its region comes first: `us-east/…`. */
  readonly serverId?: string;
  /** Where this server stands, `us-east` say; nowhere in particular by default. */
  readonly region?: string;
  /** Where chat servers announce themselves, and where `GET /servers` looks for the best one of them. */
  readonly discovery?: Discovery;
  /**
   * Where devices reach the WebSocket service of this very server, past whatever balances load: `wss://chat-3.example/chat`. It is announced
   * in `discovery`; a server without it (one that serves HTTP only, say) is not.
   */
  readonly url?: string;
  /** Limits and intervals that differ from the defaults. */
  readonly settings?: { readonly [K in keyof ServerSettings]?: ServerSettings[K] | undefined };
  /** Where log lines go: event names, ids, codes and figures, never what a user wrote. Nowhere by default. */
  readonly log?: Logger;
  /** Time, randomness and log, all of them: for tests and simulations. The system's by default. */
  readonly runtime?: Runtime;
  /**
   * The origins whose pages may connect and call the HTTP service: a list such as `["https://app.example"]`, or a check of
   * your own. By default those whose host is the one that the request was sent to. Requests without an Origin
   * header (apps, servers, scripts) pass: only browsers send it, and only browsers can be lured into connecting.
   */
  readonly allowedOrigins?: AllowedOrigins;
  /**
   * The address that limits per address and `authenticate` go by. By default the socket's, which behind a proxy is the
   * proxy's: then read it from the header that your proxy sets, and that it takes off what comes from outside.
   */
  readonly clientAddress?: (peer: Peer) => string | undefined;
  /**
   * Where the HTTP service lies, `/chat` say, where nothing takes that off the path before: `node:http`, a Fetch handler.
   * Express and the Fastify plugin do so by themselves. Nowhere in particular by default.
   */
  readonly basePath?: string;
  /** Where figures go, see docs/security.md. */
  readonly metrics?: Metrics;
}

/** The names of all options: who adds one and forgets it here hears of it from the compiler. */
const NAMES: Readonly<Record<keyof ChatServerOptions, true>> = {
  store: true,
  authenticate: true,
  fanout: true,
  registry: true,
  push: true,
  outbox: true,
  serverId: true,
  region: true,
  discovery: true,
  url: true,
  settings: true,
  log: true,
  runtime: true,
  allowedOrigins: true,
  clientAddress: true,
  basePath: true,
  metrics: true,
  authorize: true,
  beforeSend: true,
  afterSend: true,
  mayObserve: true,
};

/** Refuses what is no option: a misspelt `authorize` would allow everything. @throws ChatError `invalid_argument` */
export function assertOptions(options: ChatServerOptions): void {
  assertKnown("option", options, Object.keys(NAMES));
}
