import {
  ChatError,
  DEFAULT_PRIVACY,
  type Entry,
  isSendableKind,
  kindOf,
  LIMITS,
  type PresenceChangedFrame,
  type Runtime,
  type UserPrivacy,
} from "@chat/protocol";
import type { CacheSnapshot } from "./cache/cache.js";
import { memoryCache } from "./cache/memory-cache.js";
import * as CLIENT_LIMITS from "./client-limits.js";
import { connectAnyWay } from "./connection/connect-any-way.js";
import type { Locator } from "./connection/locate-server.js";
import { createConnection } from "./connection/connection.js";
import { pageSignals } from "./connection/network-signals.js";
import { type Ask, createRequests, type Request } from "./connection/requests.js";
import { createConversation } from "./conversation.js";
import { createConversationHandles } from "./conversation-handles.js";
import { createConversationList } from "./conversation-list.js";
import { createFrameReceiver } from "./frame-receiver.js";
import { createOutbox } from "./outbox/outbox.js";
import type {
  ChatClient,
  ChatClientOptions,
  Conversation,
  ConversationList,
  CustomData,
  RequestOptions,
  TimelineMessage,
  UserDirectory,
} from "./public-types.js";
import { defined } from "./runtime/defined.js";
import type { Notifier, Topic } from "./runtime/notifier.js";
import type { Device, TabNotice, TabRequest, TabStatus } from "./tabs/device.js";
import { createTabSync } from "./tab-sync.js";
import { acknowledge } from "./sync/acknowledge.js";
import { createCacheWriter } from "./sync/cache-writer.js";
import { createGapFiller, type GapFiller } from "./sync/gap-filler.js";
import { createListSync } from "./sync/list-sync.js";
import { createNews } from "./sync/news.js";
import { createReceipts } from "./sync/receipts.js";
import { curMax, rangeAt } from "./sync/held-ranges.js";
import { isCaughtUp, isFollowed, type Replica } from "./sync/replica.js";
import { createReplicas } from "./sync/replicas.js";
import { createLines } from "./timeline/create-lines.js";
import { createTimeline } from "./timeline/timeline.js";
import { createTyping } from "./users/typing.js";
import { createUsers } from "./users/user-directory.js";

/** What is to be set of what the user tells others. */
type PrivacyRequest = Omit<Extract<Request, { readonly type: "set-privacy" }>, "type">;

/** What the core tells the façade, and takes from it. */
export interface ClientCoreEnvironment<C extends CustomData> {
  readonly runtime: Runtime;
  readonly notifier: Notifier;
  readonly listTopic: Topic;
  readonly usersTopic: Topic;
  /** Something that the status shows changed. */
  changed(): void;
  report(error: unknown): void;
  /** What the server pushed is for a part that is loaded apart. */
  pushed(frame: PresenceChangedFrame): void;
  /** Another tab wants the device to be online, or not. */
  wanted(online: boolean): void;
  message(conversation: Conversation<C>, message: TimelineMessage<C>): void;
  diverged(conversation: Conversation<C>, above: number, resent: number): void;
}

/** Everything of a client that needs its cache. */
export interface ClientCore<C extends CustomData> {
  readonly conversations: ConversationList<C>;
  readonly users: UserDirectory<C>;
  readonly ask: Ask;
  readonly status: TabStatus;
  /** What the user tells others. */
  readonly privacy: UserPrivacy;
  readonly pending: number;
  push: ChatClient<C>["push"];
  setPrivacy(change: PrivacyRequest, options?: RequestOptions): Promise<void>;
  /** Goes online or offline. A tab that follows asks the one that leads to. */
  connect(online: boolean): void;
  /** The tab leads: takes what the storage holds, and goes online if that is wanted. Without a snapshot, goes on with what is in memory. */
  lead(snapshot: CacheSnapshot | undefined, online: boolean): Promise<void>;
  /** The tab follows another one, or waits until it leads. */
  follow(): void;
  /** Takes what the leading tab's storage holds. */
  load(snapshot: CacheSnapshot): void;
  /** As the leader: does what another tab asks for. */
  answer(request: TabRequest): Promise<unknown>;
  /** As a follower: hears what the leader tells. */
  heard(notice: TabNotice): void;
  /** Goes offline for good; resolves once everything is written. */
  close(): Promise<void>;
}

/** Wires the layers together. */
export function createClientCore<C extends CustomData>(
  environment: ClientCoreEnvironment<C>,
  options: ChatClientOptions,
  device: Device,
): ClientCore<C> {
  const { runtime, notifier, listTopic, usersTopic, report } = environment;
  const { userId } = options;
  const { random } = runtime;
  const lineOf = createLines<C>(userId);
  let textCharacters: number = LIMITS.textCharacters;
  let receiptMembers: number = LIMITS.receiptMembers;
  let privacy = DEFAULT_PRIVACY;
  let epoch: string | undefined;
  let deviceId: string | undefined;
  /** What the leading tab says of itself, before it is known that it connects; absent while that is this one. */
  let leader: TabStatus | undefined = {
    connection: "connecting",
    synced: false,
    persistent: true,
    textCharacters,
  };

  const writer = createCacheWriter(device.cache, (error) => {
    report(error);
    return goOnInMemory();
  });

  /** Leaves the storage, with all that is in memory. */
  async function goOnInMemory(): Promise<void> {
    const held = replicas.dump();
    for (const replica of replicas.all()) {
      changed(replica);
      if (replica.view) void filler.fill(replica);
    }
    const memory = memoryCache({ random });
    const meta = defined({ deviceId, epoch, privacy });
    await memory.commit({ meta, ...held, putOutbox: outbox.all(), users: users.all() }, "relaxed");
    device.replace(memory);
    ({ deviceId } = (await memory.load()).meta);
  }

  const requests = createRequests(
    runtime,
    (frame) => (leader ? tabSync.relay(frame) : connection.send(frame)),
    options.requestTimeout ?? CLIENT_LIMITS.requestTimeout,
  );
  const { ask } = requests;

  function changed(replica: Replica): void {
    receipts.look();
    handles.changed(replica);
  }

  const replicas = createReplicas({
    userId,
    writer,
    settle: (entries) => outbox.settle(entries),
    changed,
    arrived(replica, entry) {
      if (!isSendableKind(kindOf(entry)) || entry.redacted) return;
      stopped(replica.id, entry.senderId);
      environment.message(handles.of(replica), lineOf(entry));
      // The others first hear that it is held.
      void writer.idle().then(() => device.tell({ arrived: { conversationId: replica.id, entry } }));
    },
    receiptMembers: () => receiptMembers,
    rowUnknown: (replica) => void listSync.refresh(replica.id),
    forgot(replica) {
      if (isOnline() && isFollowed(replica)) void filler.fill(replica);
    },
  });

  function acknowledged(entry: Entry, conversationId: string): void {
    void acknowledge({ replicas, filler, listSync, writer, settle: outbox.settle }, conversationId, entry);
  }

  const outbox = createOutbox(
    {
      runtime,
      ask,
      commit: (changes, durability) => writer.commit(changes, durability),
      textCharacters: () => textCharacters,
      acknowledged,
      stuck: () => connection.restart(),
      changed(conversationId) {
        handles.timelineChanged(conversationId);
        environment.changed();
      },
    },
    userId,
  );

  const ownFiller = createGapFiller({
    runtime,
    replicas,
    writer,
    ask,
    catchUpEntries: options.catchUpEntries ?? CLIENT_LIMITS.catchUpEntries,
    putBack: outbox.putBack,
    changed,
    caughtUp({ id, trust, ranges }) {
      if (trust !== "sure") return;
      // Its place was dropped with what lay beyond a gap, and that was not fetched: it is put into the hole by itself.
      for (const entry of outbox.acknowledgedIn(id)) {
        const { messageId } = entry;
        if (!rangeAt(ranges, messageId) && messageId <= curMax(ranges)) acknowledged(entry, id);
      }
    },
    diverged(replica, above, resent) {
      runtime.log("warn", "diverged", { conversationId: replica.id, above, resent });
      environment.diverged(handles.of(replica), above, resent);
    },
    report,
  });
  const filler: GapFiller = {
    ...ownFiller,
    fill(replica, ...more) {
      if (!leader) return ownFiller.fill(replica, ...more);
      return device.ask({ type: "fill", conversationId: replica.id }).then(
        () => true,
        () => false,
      );
    },
  };

  const listSync = createListSync({
    runtime,
    userId,
    replicas,
    filler,
    writer,
    ask,
    changed: statusChanged,
    report,
  });

  const typing = createTyping(
    runtime.clock,
    (conversationId, isTyping) => {
      if (!(replicas.get(conversationId)?.row.privacy?.typing ?? privacy.typing)) return;
      if (leader) device.ask({ type: "typing", conversationId, typing: isTyping }).catch(() => {});
      else
        connection.send({
          type: "set-typing",
          requestId: requests.nextId(),
          conversationId,
          typing: isTyping,
        });
    },
    (conversationId) => handles.summaryChanged(conversationId),
  );

  /** Whose message has come writes it no more. */
  function stopped(conversationId: string, userId: string): void {
    typing.heard({ conversationId, userId, typing: false });
  }

  const news = createNews({ runtime, replicas, filler: ownFiller, refresh: listSync.refresh });

  const receipts = createReceipts({
    runtime,
    userId,
    replicas,
    writer,
    ask,
    isReady: () => !leader && listSync.synced,
    report,
  });

  const users = createUsers<C>({
    topic: usersTopic,
    ask,
    commit: (users) => void writer.commit({ users }),
    report,
  });

  const status = (): TabStatus =>
    leader ?? {
      connection: connection.state,
      synced: listSync.synced,
      persistent: writer.persistent,
      textCharacters,
    };
  const isOnline = (): boolean => status().connection === "online";

  /** Does what this tab or another one asks for, as the leader; else has that done. */
  async function answer(request: TabRequest): Promise<unknown> {
    if (connection.state === "closed") throw new ChatError("closed", "This client was closed.");
    if (leader) return device.ask(request);
    if (request.type === "online") return environment.wanted(request.wanted);
    if (request.type === "typing") return typing.set(request.conversationId, request.typing);
    return tabSync.answer(request);
  }

  const handles = createConversationHandles<C>(
    notifier,
    (replica, timeline, summary) => {
      const shared = { replicas, filler, writer, ask, lineOf, outboxOf: outbox.of, isOnline };
      return createConversation<C>(
        {
          userId,
          random,
          ask,
          outbox,
          row: listSync.row,
          receipt: replicas.ownReceipt,
          lineOf,
          mark: answer,
          typing,
        },
        replica,
        createTimeline<C>(shared, replica, timeline),
        summary,
      );
    },
    () => conversations.changed(),
  );

  const conversations = createConversationList<C>(
    {
      random,
      ask,
      replicas,
      row: listSync.row,
      handleOf: handles.of,
      state: () =>
        listSync.listed && (status().synced || !isOnline()) ? "complete" : isOnline() ? "filling" : "gap",
    },
    listTopic,
  );

  const receiver = createFrameReceiver({
    ...{ requests, listSync, replicas, users, typing, news, report },
    token: options.token,
    pushed: environment.pushed,
    tell: device.tell,
    privacy: takePrivacy,
  });

  function takePrivacy(next: UserPrivacy, force = false): void {
    if (force ? JSON.stringify(next) === JSON.stringify(privacy) : next.version <= privacy.version) return;
    privacy = Object.freeze(next);
    void writer.commit({ meta: { privacy } });
    statusChanged();
  }

  function lost(): void {
    receiver.lost();
    requests.disconnected();
    outbox.disconnected();
    users.disconnected();
    typing.reset();
    listSync.stop();
    news.reset();
  }

  const { discover, url } = options;
  const locator: Locator | undefined = discover ? { clock: runtime.clock, url, discover } : undefined;
  const connection = createConnection({
    runtime,
    transport: options.transport ?? connectAnyWay(runtime.clock),
    signals: options.signals ?? pageSignals(),
    url,
    // Loaded where it is needed only.
    locate:
      locator &&
      (async (token) => (await import("./connection/locate-server.js")).locateServer(locator, token)),
    userId,
    identity: () => defined({ deviceId: deviceId!, leader: device.leader }),
    token: options.token,
    nextRequestId: requests.nextId,
    welcomed(welcome) {
      ({ textCharacters, receiptMembers } = welcome);
      // What the server says now counts: it may be a restored backup.
      takePrivacy(welcome.privacy ?? DEFAULT_PRIVACY, true);
      if (epoch !== undefined && epoch !== welcome.epoch) {
        replicas.reset();
        listSync.load({});
        users.reset();
      }
      if (epoch !== welcome.epoch) {
        ({ epoch } = welcome);
        void writer.commit({ meta: { epoch } });
      }
      requests.connected();
      filler.connected();
      users.connected();
      outbox.connected();
      listSync.start();
    },
    received: receiver.received,
    lost,
    changed: connectionChanged,
    report,
  });

  function statusChanged(): void {
    receipts.look();
    listTopic.changed();
    environment.changed();
    if (!leader) device.tell({ status: status() });
  }

  function connectionChanged(): void {
    handles.timelineChanged();
    statusChanged();
  }

  const tabSync = createTabSync({
    ...{ device, requests, writer, replicas, filler, outbox, listSync, users, receipts },
    privacy: takePrivacy,
  });

  function load(snapshot: CacheSnapshot): void {
    ({ epoch, deviceId } = snapshot.meta);
    tabSync.load(snapshot);
    listTopic.changed();
  }

  function follow(next: TabStatus): void {
    const wasOnline = leader?.connection === "online";
    connection.disconnect();
    leader = next;
    ({ textCharacters } = next);
    const online = next.connection === "online";
    if (wasOnline && !online) lost();
    if (online && !wasOnline) {
      requests.connected();
      users.connected();
      for (const replica of replicas.all())
        if (replica.view && !isCaughtUp(replica)) void filler.fill(replica);
    }
    connectionChanged();
  }

  return {
    async push(subscription, settings) {
      const { providers, provider } = await ask(
        subscription === undefined ? { type: "get-push" } : { type: "set-push", ...subscription },
        settings,
      );
      return defined({ providers, provider });
    },
    async setPrivacy(change, settings) {
      const answer = await ask({ type: "set-privacy", ...change }, settings);
      if (!leader) takePrivacy(answer.privacy);
    },
    conversations: conversations.list,
    users: users.directory,
    ask,
    get status() {
      return status();
    },
    get privacy() {
      return privacy;
    },
    get pending() {
      return outbox.pending;
    },

    connect(online) {
      if (leader) device.ask({ type: "online", wanted: online }).catch(() => {});
      else if (online) connection.connect();
      else connection.disconnect();
    },

    async lead(snapshot, online) {
      // Another device's is not what was lost: messages under way would be sent once more as others.
      if (snapshot && snapshot.meta.deviceId === (deviceId ?? snapshot.meta.deviceId)) load(snapshot);
      else await goOnInMemory();
      leader = undefined;
      if (online) connection.connect();
      else connectionChanged();
    },
    follow: () => follow({ ...status(), connection: "connecting", synced: false }),
    load,

    answer,

    heard({ status, changes, arrived, typing: notice, pushed, error }) {
      if (pushed) environment.pushed(pushed);
      if (notice) typing.heard(notice);
      if (changes) {
        tabSync.mirror(changes);
        if (changes.meta?.epoch) ({ epoch } = changes.meta);
      }
      const replica = arrived && replicas.get(arrived.conversationId);
      if (replica) {
        stopped(replica.id, arrived.entry.senderId);
        environment.message(handles.of(replica), lineOf(arrived.entry));
      }
      if (error) report(new ChatError(error.code, error.message));
      if (status) follow(status);
    },

    async close() {
      connection.close();
      requests.close();
      outbox.close();
      await writer.idle();
    },
  };
}
