import type { Server } from "node:http";
import {
  ChatError,
  CLOSE_CODES,
  createServerCodec,
  isChatError,
  type Logger,
  newUuid,
  type Runtime,
  systemRuntime,
} from "@chat/protocol";
import { type AllowedOrigins, originCheck } from "./admission/allowed-origins.js";
import { Door, type Place } from "./admission/door.js";
import { guardedLog } from "./admission/guarded-log.js";
import { loggableError } from "./admission/loggable-error.js";
import { countedReads, measuredMessages, type Metrics } from "./admission/metrics.js";
import { OperationRates } from "./admission/operation-rates.js";
import { reportTally, Tally } from "./admission/tally.js";
import { ChangeFollower } from "./delivery/change-follower.js";
import { Deliverer } from "./delivery/deliverer.js";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "./delivery/envelope.js";
import type { Fanout } from "./fanout/fanout.js";
import { createConversationService } from "./http/conversation-service.js";
import { attachWebSocket } from "./mount/attach-web-socket.js";
import { createNodeHandler, type NodeHandler } from "./mount/node-handler.js";
import { peerOf } from "./mount/peer-of.js";
import { OneAtATime } from "./operations/one-at-a-time.js";
import type { OperationContext } from "./operations/operation-context.js";
import { inProcessRegistry } from "./registry/in-process-registry.js";
import type { Registry, ServerIdentity } from "./registry/registry.js";
import { type Authenticate, authenticateWithin } from "./session/authenticate.js";
import { errorFrame } from "./session/error-frame.js";
import { Session, type SessionEnvironment } from "./session/session.js";
import type { Peer, Socket } from "./session/socket.js";
import { assertSettings, DEFAULT_SETTINGS, type ServerSettings } from "./settings.js";
import type { ChatStore, StoreInfo } from "./store/chat-store.js";

/** What a server is made of. */
export interface ChatServerOptions {
  /** Where messages and conversations live, for example `sqlite(new Database("chat.db"))`. */
  readonly store: ChatStore;
  /** The application's own check of who a token belongs to. */
  readonly authenticate: Authenticate;
  /** How several servers on one store tell each other at once what happened. Without it they find out by the change feed. */
  readonly fanout?: Fanout;
  /** Which server holds which session; goes with `fanout`. */
  readonly registry?: Registry;
  /** Names this server among those on one store; a random UUID by default. */
  readonly serverId?: string;
  /** Limits and intervals that differ from the defaults. */
  readonly settings?: Partial<ServerSettings>;
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
  /** Where figures go, see docs/security.md. */
  readonly metrics?: Metrics;
}

/** A chat engine inside an application's own process. */
export interface ChatServer {
  /** The HTTP service, for `app.use("/chat", chat.handler)` or as a request listener of `node:http`. */
  readonly handler: NodeHandler;
  /** The HTTP service as a function from Request to Response. */
  fetch(request: Request): Promise<Response>;
  /**
   * Takes WebSocket connections for one path on the application's HTTP server. Other upgrades stay the application's.
   * @returns detaches again; open connections stay
   */
  attach(server: Server, options: { readonly path: string }): () => void;
  /** Serves one socket of any other kind: what `attach` does for those of `ws`. */
  accept(socket: Socket, peer: Peer): { receive(bytes: Uint8Array): void; socketClosed(): void };
  /**
   * Resolves when the store is open and the server takes part.
   * @throws ChatError with a sentence for the operator; the server answers every request with it until closed
   */
  ready(): Promise<void>;
  /** Open connections. */
  readonly connections: number;
  /**
   * Ends gracefully: tells the devices when to come back, finishes what is under way, closes sockets and store.
   * What the application brought (HTTP server, database handle) stays open.
   */
  close(): Promise<void>;
}

/**
 * Creates a chat server and begins to open its store. The promise that it keeps: a message that was acknowledged is
 * never lost, never doubled and never out of order on any device of any member.
 * @throws ChatError `invalid_argument` for settings out of range
 */
export function createChatServer(options: ChatServerOptions): ChatServer {
  const settings: ServerSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  assertSettings(settings);
  const { clock, random, log } = options.runtime ?? systemRuntime(options.log);
  const runtime: Runtime = { clock, random, log: guardedLog(log) };
  const { store, fanout, metrics, clientAddress } = options;
  const isAllowedOrigin = originCheck(options.allowedOrigins);
  const door = new Door(settings);
  const rates = new OperationRates(clock, settings);
  const tally = new Tally();
  const registry = options.registry ?? inProcessRegistry(runtime.clock);
  const codec = createServerCodec();
  const identity: ServerIdentity = {
    serverId: options.serverId ?? newUuid(runtime.random),
    incarnation: newUuid(runtime.random),
  };
  const sessions = new Set<Session>();
  const places = new WeakMap<Session, Place>();
  let closing: Promise<void> | undefined;
  let cancelLease = (): void => {};
  let cancelFanout = (): void => {};

  async function announce(envelope: Envelope, to: Fanout): Promise<void> {
    try {
      const others = (await registry.serversOf(envelope.conversationId)).filter(
        (id) => id !== identity.serverId,
      );
      if (others.length > 0) to.publish(others, encodeEnvelope(envelope));
    } catch (error) {
      // The change feed brings it.
      runtime.log("warn", "announce_failed", {
        conversationId: envelope.conversationId,
        ...loggableError(error),
      });
    }
  }

  const deliverer = new Deliverer({
    runtime,
    messages: countedReads(store.messages, () => tally.gapReads++),
    conversations: store.conversations,
    encode: (frame) => codec.encode(frame),
    ...(fanout !== undefined && { announce: (envelope: Envelope) => void announce(envelope, fanout) }),
  });
  const follower = new ChangeFollower({ runtime, store, deliverer, interval: settings.reconcileInterval });
  const context: OperationContext = {
    runtime,
    settings,
    messages: metrics === undefined ? store.messages : measuredMessages(store.messages, clock, metrics),
    conversations: store.conversations,
    contested: new OneAtATime(),
    publish: (entries) => deliverer.publish(entries),
    userChanged: (profile) => deliverer.userChanged(profile),
  };

  function keepLease(): void {
    cancelLease = runtime.clock.schedule(settings.registryLease / 3, () => {
      renew()
        .catch((error: unknown) => runtime.log("warn", "lease_not_renewed", { ...loggableError(error) }))
        .finally(() => {
          if (closing === undefined) keepLease();
        });
    });
  }

  async function renew(): Promise<void> {
    if (await registry.renew(identity)) return;
    runtime.log("warn", "lease_lost", { serverId: identity.serverId });
    await registry.join(identity, settings.registryLease);
    for (const { record } of sessions) if (record !== undefined) await registry.register(identity, record);
  }

  async function start(): Promise<StoreInfo> {
    const info = await store.open({ runtime, groupMembers: settings.groupMembers });
    await registry.join(identity, settings.registryLease);
    if (fanout !== undefined) {
      cancelFanout = await fanout.subscribe(identity.serverId, (bytes) => {
        const envelope = decodeEnvelope(bytes);
        if (envelope !== undefined) deliverer.receive(envelope);
      });
    }
    await follower.start();
    keepLease();
    return info;
  }

  const started = start().catch((error: unknown) => {
    runtime.log("error", "start_failed", {
      ...loggableError(error),
      ...(isChatError(error) && { reason: error.message }),
    });
    throw isChatError(error)
      ? error
      : new ChatError("internal", "The chat server could not start.", { cause: error });
  });
  // Whoever asks is told; that nobody asks must not end the process.
  started.catch(() => {});

  const environment: SessionEnvironment = {
    context,
    codec,
    authenticate: options.authenticate,
    deliverer,
    follower,
    registry,
    identity,
    ready: () => started,
    rates,
    tally,
    ended(session) {
      sessions.delete(session);
      places.get(session)?.leave();
    },
  };

  function accept(socket: Socket, peer: Peer, place: Place): Session {
    const session = new Session(environment, socket, peer, place);
    if (closing !== undefined) session.close("goingAway");
    else sessions.add(session);
    return session;
  }

  /** For sockets of any other kind; the place goes with the session, as nobody tells what becomes of the socket. */
  function acceptOther(socket: Socket, peer: Peer): ReturnType<ChatServer["accept"]> {
    try {
      const place = door.enter(peer.address);
      const session = accept(socket, peer, place);
      if (sessions.has(session)) places.set(session, place);
      else place.leave();
      return session;
    } catch (error) {
      if (!isChatError(error)) throw error;
      tally.refused(error.code);
      socket.send(codec.encode(errorFrame(0, error)));
      socket.close(CLOSE_CODES.goingAway.code, "goingAway");
      return { receive() {}, socketClosed() {} };
    }
  }

  const service = createConversationService({
    context,
    isAllowedOrigin,
    rates,
    tally,
    ready: () =>
      closing === undefined
        ? started
        : Promise.reject(new ChatError("shutting_down", "The server is going away.")),
    authenticate: (token, request, address) =>
      authenticateWithin(settings.authenticateDeadline, runtime, options.authenticate, {
        token,
        headers: Object.fromEntries(request.headers),
        address,
      }),
  });

  async function drained(): Promise<void> {
    const deadline = runtime.clock.monotonic() + settings.drainDeadline;
    const isBusy = (): boolean => [...sessions].some((session) => session.requestsUnderWay > 0);
    while (isBusy() && runtime.clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => runtime.clock.schedule(10, resolve));
    }
  }

  async function shutDown(detachAll: readonly (() => void)[]): Promise<void> {
    for (const detach of detachAll) detach();
    for (const session of sessions) session.drain(Math.round(runtime.random.float() * settings.drainSpread));
    await drained();
    for (const session of [...sessions]) session.close("goingAway");
    cancelLease();
    cancelFanout();
    cancelReport();
    await follower.close();
    deliverer.close();
    try {
      await started;
      await registry.leave(identity);
    } catch (error) {
      runtime.log("warn", "leave_failed", { ...loggableError(error) });
    }
    await fanout?.close();
    await store.close();
  }

  const cancelReport =
    metrics === undefined
      ? (): void => {}
      : reportTally(tally, metrics, clock, settings.metricsInterval, () => sessions.size);
  const detachers: (() => void)[] = [];

  return {
    handler: createNodeHandler(service, (request) => peerOf(request, clientAddress, runtime.log).address),
    async fetch(request) {
      const missing = (): Response => Response.json({ error: { code: "not_found" } }, { status: 404 });
      return (await service(request)) ?? missing();
    },
    attach(server, { path }) {
      const detach = attachWebSocket(server, path, {
        clock,
        isAllowedOrigin,
        peerOf: (request) => peerOf(request, clientAddress, runtime.log),
        enter: (address) => door.enter(address),
        accept,
        refused: (code) => tally.refused(code),
      });
      detachers.push(detach);
      return detach;
    },
    accept: acceptOther,
    async ready() {
      await started;
    },
    get connections() {
      return sessions.size;
    },
    close() {
      closing ??= shutDown(detachers);
      return closing;
    },
  };
}
