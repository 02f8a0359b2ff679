import type { Server } from "node:http";
import {
  ChatError,
  createServerCodec,
  isChatError,
  LIMITS,
  newUuid,
  type Runtime,
  systemRuntime,
} from "@chat/protocol";
import { ChangeFollower } from "./delivery/change-follower.js";
import { Deliverer } from "./delivery/deliverer.js";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "./delivery/envelope.js";
import type { Fanout } from "./fanout/fanout.js";
import { createConversationService } from "./http/conversation-service.js";
import { attachWebSocket } from "./mount/attach-web-socket.js";
import { createNodeHandler, type NodeHandler } from "./mount/node-handler.js";
import { OneAtATime } from "./operations/one-at-a-time.js";
import type { OperationContext } from "./operations/operation-context.js";
import { inProcessRegistry } from "./registry/in-process-registry.js";
import type { Registry, ServerIdentity } from "./registry/registry.js";
import { type Authenticate, authenticateWithin } from "./session/authenticate.js";
import { Session, type SessionEnvironment } from "./session/session.js";
import type { Peer, Socket } from "./session/socket.js";
import { DEFAULT_SETTINGS, type ServerSettings } from "./settings.js";
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
  /** Time, randomness and log. The system's by default, without a log. */
  readonly runtime?: Runtime;
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

function assertSettings(settings: ServerSettings): void {
  for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      throw new ChatError("invalid_argument", `The setting ${name} must be a number that is not negative.`);
    }
  }
  if (settings.textCharacters < 1 || settings.textCharacters > LIMITS.textCharactersCeiling) {
    throw new ChatError("invalid_argument", `textCharacters must be 1 to ${LIMITS.textCharactersCeiling}.`);
  }
}

/**
 * Creates a chat server and begins to open its store. The promise that it keeps: a message that was acknowledged is
 * never lost, never doubled and never out of order on any device of any member.
 * @throws ChatError `invalid_argument` for settings out of range
 */
export function createChatServer(options: ChatServerOptions): ChatServer {
  const settings: ServerSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  assertSettings(settings);
  const runtime = options.runtime ?? systemRuntime();
  const { store, fanout } = options;
  const registry = options.registry ?? inProcessRegistry(runtime.clock);
  const codec = createServerCodec();
  const identity: ServerIdentity = {
    serverId: options.serverId ?? newUuid(runtime.random),
    incarnation: newUuid(runtime.random),
  };
  const sessions = new Set<Session>();
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
        error: String(error),
      });
    }
  }

  const deliverer = new Deliverer({
    runtime,
    messages: store.messages,
    conversations: store.conversations,
    encode: (frame) => codec.encode(frame),
    ...(fanout !== undefined && { announce: (envelope: Envelope) => void announce(envelope, fanout) }),
  });
  const follower = new ChangeFollower({ runtime, store, deliverer, interval: settings.reconcileInterval });
  const context: OperationContext = {
    runtime,
    settings,
    messages: store.messages,
    conversations: store.conversations,
    contested: new OneAtATime(),
    publish: (entries) => deliverer.publish(entries),
    userChanged: (profile) => deliverer.userChanged(profile),
  };

  function keepLease(): void {
    cancelLease = runtime.clock.schedule(settings.registryLease / 3, () => {
      renew()
        .catch((error: unknown) => runtime.log("warn", "lease_not_renewed", { error: String(error) }))
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
    runtime.log("error", "start_failed", { error: error instanceof Error ? error.message : String(error) });
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
    ended: (session) => sessions.delete(session),
  };

  function accept(socket: Socket, peer: Peer): Session {
    const session = new Session(environment, socket, peer);
    if (closing !== undefined) session.close("goingAway");
    else sessions.add(session);
    return session;
  }

  const service = createConversationService({
    context,
    ready: () =>
      closing === undefined
        ? started
        : Promise.reject(new ChatError("shutting_down", "The server is going away.")),
    authenticate: (token, request) =>
      authenticateWithin(settings.authenticateDeadline, runtime, options.authenticate, {
        token,
        headers: Object.fromEntries(request.headers),
        address: undefined,
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
    await follower.close();
    deliverer.close();
    try {
      await started;
      await registry.leave(identity);
    } catch (error) {
      runtime.log("warn", "leave_failed", { error: String(error) });
    }
    await fanout?.close();
    await store.close();
  }

  const detachers: (() => void)[] = [];

  return {
    handler: createNodeHandler(service),
    async fetch(request) {
      const missing = (): Response => Response.json({ error: { code: "not_found" } }, { status: 404 });
      return (await service(request)) ?? missing();
    },
    attach(server, { path }) {
      const detach = attachWebSocket(server, path, runtime.clock, accept);
      detachers.push(detach);
      return detach;
    },
    accept,
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
