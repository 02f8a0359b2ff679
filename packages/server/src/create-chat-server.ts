import type { IncomingMessage } from "node:http";
import {
  assertId,
  ChatError,
  createServerCodec,
  isChatError,
  isUuid,
  newUuid,
  type Runtime,
  SYSTEM_USER,
} from "@chat/protocol";
import { originCheck } from "./admission/allowed-origins.js";
import { Door } from "./admission/door.js";
import { FairReads } from "./admission/fair-reads.js";
import { guardedLog } from "./admission/guarded-log.js";
import { loggableDefect, loggableError } from "./admission/loggable-error.js";
import { countedReads, guardedMetrics, measuredMessages } from "./admission/metrics.js";
import { OperationRates } from "./admission/operation-rates.js";
import { StoreFailures } from "./admission/store-failures.js";
import { reportTally, Tally } from "./admission/tally.js";
import { createActor } from "./api/chat-actor.js";
import type { ChatServer } from "./chat-server.js";
import { assertOptions, type ChatServerOptions } from "./chat-server-options.js";
import { ChangeFollower } from "./delivery/change-follower.js";
import { Deliverer } from "./delivery/deliverer.js";
import { decodeEnvelope, encodeEnvelope } from "./delivery/envelope.js";
import { Presence } from "./delivery/presence/presence.js";
import { recentFirst } from "./delivery/recent-entries.js";
import { decodeTyping, encodeTyping } from "./delivery/typing.js";
import { decodeReceipts, encodeReceipts } from "./delivery/receipt-sender.js";
import { ServerDirectory } from "./discovery/server-directory.js";
import { createConversationService } from "./http/conversation-service.js";
import { nothingHere } from "./http/failure.js";
import { attachWebSocket } from "./mount/attach-web-socket.js";
import { createEventStreams } from "./mount/event-streams.js";
import { createNodeHandler } from "./mount/node-handler.js";
import { relativeTo } from "./mount/relative-to.js";
import { peerOf } from "./mount/peer-of.js";
import { nodeRuntime, watchEventLoop } from "./node-runtime.js";
import { Hooks } from "./operations/hooks.js";
import { OneAtATime } from "./operations/one-at-a-time.js";
import { SharedParticipations } from "./operations/shared-participations.js";
import { type Erasure, eraseUser, type ErasureOptions } from "./operations/erase-user.js";
import { exportConversation, exportUser } from "./operations/export-history.js";
import { followLog } from "./operations/follow-log.js";
import { importHistory } from "./operations/import-history.js";
import type { OperationContext } from "./operations/operation-context.js";
import { SERVER_SIDE_DEVICE, SYSTEM } from "./operations/system-caller.js";
import { pushProvidersOf } from "./push/push-providers-of.js";
import { PushDispatcher } from "./push/push-dispatcher.js";
import { inProcessRegistry } from "./registry/in-process-registry.js";
import type { ServerIdentity } from "./registry/registry.js";
import { OutboxRelay } from "./operations/outbox-relay.js";
import { mayObserve } from "./operations/presence.js";
import { RetentionKeeper } from "./operations/retention-keeper.js";
import { authenticateWithin } from "./session/authenticate.js";
import {
  assertDisconnection,
  decodeDisconnection,
  type Disconnection,
  encodeDisconnection,
} from "./session/disconnection.js";
import { Announcer } from "./session/announcer.js";
import { RegistryLease } from "./session/registry-lease.js";
import { floodRates } from "./session/flood-guard.js";
import { OutboundTurn } from "./session/outbound-turn.js";
import { SessionHost } from "./session/session-host.js";
import { settingsOf } from "./settings.js";
import type { StoreInfo } from "./store/chat-store.js";
import { assertRetention } from "./store/housekeeping.js";
import { membershipOf } from "./store/membership-entry.js";

/** ms before an erasure that failed is gone on with. */
const ERASURE_PAUSE = 60_000;

/**
 * Creates a chat server and begins to open its store. The promise that it keeps: a message that was acknowledged is
 * never lost, never doubled and never out of order on any device of any member.
 * @throws ChatError `invalid_argument` for settings out of range, and for options and settings that there are not
 */
export function createChatServer(options: ChatServerOptions): ChatServer {
  assertOptions(options);
  const settings = settingsOf(options.settings);
  const pushProviders = pushProvidersOf(options.push);
  const { clock, random, log } = options.runtime ?? nodeRuntime(options.log);
  const runtime: Runtime = { clock, random, log: guardedLog(log) };
  const { store, fanout, clientAddress } = options;
  const metrics = options.metrics && guardedMetrics(options.metrics, runtime.log);
  const isAllowedOrigin = originCheck(options.allowedOrigins);
  const door = new Door(settings);
  const rates = new OperationRates(clock, settings);
  const reads = new FairReads(clock);
  const tally = new Tally();
  const failures = new StoreFailures(runtime);
  const registry = options.registry ?? inProcessRegistry(runtime.clock);
  const codec = createServerCodec();
  const identity: ServerIdentity = {
    serverId: options.serverId ?? newUuid(runtime.random),
    incarnation: newUuid(runtime.random),
  };
  let closing: Promise<void> | undefined;
  let cancelFanout = (): void => {};
  let cancelErasures = (): void => {};

  const announcer = fanout && new Announcer(runtime, registry, fanout, identity.serverId);

  /** For a registry that keeps the servers of conversations: who stored that they joined may have died before it could say so. */
  async function registerMembers(conversationId: string, userIds: readonly string[]): Promise<void> {
    try {
      await registry.joined?.(conversationId, userIds);
    } catch (error) {
      runtime.log("warn", "members_not_registered", { conversationId, ...loggableError(error) });
    }
  }

  const presence = new Presence({
    runtime,
    conversations: store.conversations,
    encode: (frame) => codec.encode(frame),
    identity,
    offlineAfter: settings.offlineAfter,
    heartbeat: settings.presenceHeartbeat,
    mayObserve: (userId, others) => mayObserve(context, userId, others),
    ...(fanout !== undefined && {
      servers: () => registry.servers(),
      send: (serverIds, envelope) => fanout.publish(serverIds, envelope),
    }),
  });
  const outbound = new OutboundTurn((callback) => clock.nextTurn(callback));
  const deliverer = new Deliverer({
    runtime,
    atEndOfTurn: (deliver) => outbound.deliver(deliver),
    messages: countedReads(store.messages, () => tally.gapReads++),
    conversations: store.conversations,
    codec,
    presence,
    announce: (envelope) =>
      void announcer?.announce({
        ...envelope,
        encoded: () => encodeEnvelope(envelope),
        joined: envelope.entries
          .flatMap((entry) => membershipOf(entry)?.add ?? [])
          .map(({ userId }) => userId),
      }),
    foundMembers: (conversationId, userIds) => void registerMembers(conversationId, userIds),
    receiptMembers: settings.receiptMembers,
    largeGroups: settings,
    announceReceipts: (moved) =>
      void announcer?.announce({
        conversationId: moved.conversationId,
        encoded: () => encodeReceipts(moved),
      }),
  });
  const follower = new ChangeFollower({ runtime, store, deliverer, interval: settings.reconcileInterval });
  const directory = new ServerDirectory({
    ...options,
    runtime,
    serverId: identity.serverId,
    interval: settings.announceInterval,
    capacity: settings.connections,
    connections: () => host.size,
  });
  const listeners = new Set<() => void>();
  const pusher =
    options.push &&
    new PushDispatcher({
      ...{ runtime, store, providers: pushProviders, owner: identity.incarnation },
      compose: options.push.compose,
      ...{ delay: settings.pushDelay, maxAge: settings.pushMaxAge, interval: settings.reconcileInterval },
    });
  const context: OperationContext = {
    runtime,
    settings,
    messages: recentFirst(
      metrics === undefined ? store.messages : measuredMessages(store.messages, clock, metrics),
      (query) => deliverer.readRecent(query),
    ),
    conversations: store.conversations,
    pushes: store.pushes,
    pushProviders,
    participations: new SharedParticipations(clock, store.conversations, (userId, conversationId) =>
      deliverer.recentTo(userId, conversationId),
    ),
    contested: new OneAtATime(),
    lookBacks: new OneAtATime(),
    directory,
    hooks: new Hooks(runtime, options, settings.hookDeadline),
    presence,
    publish(entries) {
      deliverer.publish(entries);
      for (const listener of listeners) listener();
    },
    typing(typing) {
      deliverer.typing(typing);
      void announcer?.announce({
        conversationId: typing.conversationId,
        encoded: () => encodeTyping(typing),
      });
    },
    receiptsMoved: (moved) => deliverer.receipts.publish(moved),
    blockedBy: (userId) => deliverer.blockedBy(userId),
    privacyChanged: (userId, privacy) => deliverer.privacyChanged(userId, privacy),
    watchUsers: (session, userIds) => deliverer.watchProfiles(session, userIds),
    userChanged: (profile) => deliverer.profiles.changed(profile),
  };

  const { outbox } = store;
  if (options.outbox === true && outbox === undefined) {
    throw new ChatError("invalid_argument", "This store has no outbox; leave the option out.");
  }
  const relay =
    options.outbox === true && outbox !== undefined
      ? new OutboxRelay({ context, outbox, owner: identity.incarnation })
      : undefined;

  const host = new SessionHost(
    {
      context,
      codec,
      flood: floodRates(settings),
      queues: { budget: settings.sendQueueBytes, tally, turn: outbound },
      authenticate: options.authenticate,
      deliverer,
      follower,
      registry,
      identity,
      ready: () => started,
      rates,
      reads,
      tally,
      failures,
    },
    door,
  );
  const lease = new RegistryLease({
    runtime,
    registry,
    identity,
    duration: settings.registryLease,
    records: () => host.records(),
  });

  /** Takes what another server tells. Whatever that is, it does not end the process: not every fan-out catches what its handler throws. */
  function hear(bytes: Uint8Array): void {
    try {
      const envelope = decodeEnvelope(bytes);
      if (envelope !== undefined) return deliverer.receive(envelope);
      const moved = decodeReceipts(bytes);
      if (moved !== undefined) return deliverer.receipts.receive(moved);
      const typing = decodeTyping(bytes);
      if (typing !== undefined) return deliverer.typing(typing);
      if (presence.receive(bytes)) return;
      const whom = decodeDisconnection(bytes);
      if (whom !== undefined) host.disconnect(whom);
    } catch (error) {
      runtime.log("error", "envelope_failed", { ...loggableDefect(error) });
    }
  }

  async function start(): Promise<StoreInfo> {
    const { groupMembers, receiptMembers } = settings;
    const info = await store.open({ runtime, groupMembers, receiptMembers });
    await lease.begin();
    if (fanout !== undefined) {
      cancelFanout = await fanout.subscribe(identity.serverId, hear);
    }
    await follower.start();
    directory.begin();
    presence.start();
    keeper.start();
    pusher?.start();
    relay?.start();
    void resumeErasures();
    return info;
  }

  const stopped = new AbortController();
  const erasing = new OneAtATime();
  const keeper = new RetentionKeeper({
    context,
    housekeeping: store.housekeeping,
    retention: { age: settings.retentionAge, count: settings.retentionCount },
    interval: settings.retentionInterval,
  });

  function erase(userId: string, erasureOptions?: ErasureOptions): Promise<Erasure> {
    return erasing.run(userId, () => eraseUser(context, store, userId, erasureOptions));
  }

  /** Goes on with what a crash has interrupted. */
  async function resumeErasures(): Promise<void> {
    try {
      for (const { userId } of await store.housekeeping.erasures()) {
        if (closing !== undefined) return;
        await erase(userId);
        runtime.log("info", "erasure_resumed", { userId });
      }
    } catch (error) {
      runtime.log("warn", "erasure_failed", { ...loggableError(error) });
      if (closing === undefined) cancelErasures = clock.schedule(ERASURE_PAUSE, () => void resumeErasures());
    }
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

  const ready = (): Promise<StoreInfo> =>
    closing === undefined
      ? started
      : Promise.reject(new ChatError("shutting_down", "The server is going away."));
  const service = createConversationService({
    context,
    isAllowedOrigin,
    rates,
    reads,
    tally,
    failures,
    ready,
    async authenticate(token, request, address) {
      const peer = { headers: Object.fromEntries(request.headers), address };
      const deadline = settings.authenticateDeadline;
      return (await authenticateWithin(deadline, runtime, options.authenticate, { ...peer, token })).userId;
    },
  });

  const mounted = {
    clock,
    random,
    isAllowedOrigin,
    peerOf: (request: IncomingMessage) => peerOf(request, clientAddress, runtime.log),
    enter: (address: string | undefined) => door.enter(address),
    accept: (...opened: Parameters<SessionHost["accept"]>) => host.accept(...opened),
    refused: (code: string) => tally.refused(code),
  };
  const streams = createEventStreams(mounted);
  const answer = relativeTo(
    options.basePath,
    async (request, address) => (await streams(request, address)) ?? service(request, address),
  );

  async function disconnect(whom: Disconnection): Promise<void> {
    assertDisconnection(whom);
    host.disconnect(whom);
    if (fanout === undefined) return;
    const others = (await registry.servers()).filter((id) => id !== identity.serverId);
    if (others.length > 0) fanout.publish(others, encodeDisconnection(whom));
  }

  async function shutDown(detachAll: readonly (() => void)[]): Promise<void> {
    for (const detach of detachAll) detach();
    await host.drain(directory.drain());
    await directory.leave();
    lease.end();
    await presence.close();
    cancelFanout();
    announcer?.close();
    cancelReport();
    eventLoop?.end();
    cancelErasures();
    stopped.abort();
    await keeper.close();
    await pusher?.close();
    await relay?.close();
    await follower.close();
    deliverer.close();
    try {
      await lease.leave(started);
    } catch (error) {
      runtime.log("warn", "leave_failed", { ...loggableError(error) });
    }
    try {
      await fanout?.close();
    } catch (error) {
      // What it has opened goes with the process; the store's commits do not.
      runtime.log("warn", "fanout_not_closed", { ...loggableError(error) });
    }
    await store.close();
  }

  // Of the real one only: whoever brings a runtime owns the time.
  const eventLoop = metrics === undefined || options.runtime !== undefined ? undefined : watchEventLoop();
  const cancelReport =
    metrics === undefined
      ? (): void => {}
      : reportTally(tally, metrics, clock, settings.metricsInterval, () => host.size, eventLoop?.worst);
  const detachers: (() => void)[] = [];

  return {
    handler: createNodeHandler(answer, (request) => mounted.peerOf(request).address),
    async fetch(request) {
      return (await answer(request)) ?? nothingHere();
    },
    attach(server, { path }) {
      const detach = attachWebSocket(server, path, mounted);
      detachers.push(detach);
      return detach;
    },
    accept: (socket, peer) => host.acceptOther(socket, peer),
    disconnect,
    async ready() {
      await started;
    },
    as(userId, { deviceId = SERVER_SIDE_DEVICE } = {}) {
      assertId(userId, "userId");
      if (userId === SYSTEM_USER)
        throw new ChatError("invalid_argument", "Act as the system by chat.system.");
      if (!isUuid(deviceId)) {
        throw new ChatError("invalid_argument", "deviceId must be a UUID in lower case.");
      }
      return createActor(context, { userId, deviceId }, ready);
    },
    system: createActor(context, SYSTEM, ready),
    enqueue(transaction, ...drafts) {
      // Thrown at once: inside of a synchronous transaction nobody would hear of a rejection.
      if (relay === undefined) {
        const sentence = "Nobody would send this: create the chat server with outbox: true.";
        throw new ChatError("invalid_argument", sentence);
      }
      return outbox!.write(transaction, drafts);
    },
    async eraseUser(userId, erasureOptions) {
      await ready();
      return erase(userId, erasureOptions);
    },
    async setRetention(conversationId, retention) {
      await ready();
      assertRetention(retention);
      await store.housekeeping.setRetention(
        conversationId,
        retention && { age: retention.age ?? 0, count: retention.count ?? 0 },
      );
    },
    async *changes({ after, signal } = {}) {
      await ready();
      const signals = [stopped.signal, ...(signal === undefined ? [] : [signal])];
      yield* followLog(
        {
          runtime,
          housekeeping: store.housekeeping,
          interval: settings.reconcileInterval,
          watch(listener) {
            listeners.add(listener);
            const cancelWatch = store.watch(listener);
            return () => {
              listeners.delete(listener);
              cancelWatch();
            };
          },
        },
        { ...(after !== undefined && { after }), signal: AbortSignal.any(signals) },
      );
    },
    async *exportConversation(conversationId) {
      await ready();
      assertId(conversationId, "conversationId");
      yield* exportConversation(context, conversationId);
    },
    async *exportUser(userId, exportOptions) {
      await ready();
      assertId(userId, "userId");
      yield* exportUser(context, store.housekeeping, userId, exportOptions);
    },
    importHistory: (rows, importOptions) => importHistory(context, rows, importOptions, ready()),
    get connections() {
      return host.size;
    },
    close() {
      closing ??= shutDown(detachers);
      return closing;
    },
  };
}
