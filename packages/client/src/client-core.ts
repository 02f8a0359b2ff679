import { ChatError, isSendableKind, kindOf, LIMITS, type Runtime, type ServerFrame } from "@chat/protocol";
import type { Cache, CacheSnapshot } from "./cache/cache.js";
import { memoryCache } from "./cache/memory-cache.js";
import { CLIENT_LIMITS } from "./client-limits.js";
import { connectWebSocket } from "./connection/connect-web-socket.js";
import { type Connection, createConnection } from "./connection/connection.js";
import { pageSignals } from "./connection/network-signals.js";
import { createRequests } from "./connection/requests.js";
import { createConversation } from "./conversation.js";
import { createConversationList } from "./conversation-list.js";
import { createOutbox } from "./outbox/outbox.js";
import type {
  ChatClientOptions,
  Conversation,
  ConversationList,
  CustomData,
  TimelineMessage,
  UserDirectory,
} from "./public-types.js";
import type { Notifier, Topic } from "./runtime/notifier.js";
import { acknowledge } from "./sync/acknowledge.js";
import { createCacheWriter } from "./sync/cache-writer.js";
import { createGapFiller } from "./sync/gap-filler.js";
import { createListSync } from "./sync/list-sync.js";
import type { Replica } from "./sync/replica.js";
import { createReplicas } from "./sync/replicas.js";
import { createLines } from "./timeline/create-lines.js";
import { createTimeline } from "./timeline/timeline.js";
import { createUsers } from "./users/user-directory.js";

/** What the core tells the façade, and takes from it. */
export interface ClientCoreEnvironment<C extends CustomData> {
  readonly runtime: Runtime;
  readonly notifier: Notifier;
  readonly listTopic: Topic;
  readonly usersTopic: Topic;
  /** Something that the status shows changed. */
  changed(): void;
  report(error: unknown): void;
  message(conversation: Conversation<C>, message: TimelineMessage<C>): void;
  diverged(conversation: Conversation<C>, above: number, resent: number): void;
}

/** Everything of a client that needs its cache. */
export interface ClientCore<C extends CustomData> {
  readonly connection: Connection;
  readonly conversations: ConversationList<C>;
  readonly users: UserDirectory<C>;
  readonly synced: boolean;
  readonly persistent: boolean;
  readonly pending: number;
  /** Goes offline for good; resolves once everything is written. */
  close(): Promise<void>;
}

interface Handle<C extends CustomData> {
  readonly conversation: Conversation<C>;
  readonly summary: Topic;
  readonly timeline: Topic;
}

/** Wires the layers together. */
export function createClientCore<C extends CustomData>(
  environment: ClientCoreEnvironment<C>,
  options: ChatClientOptions,
  cache: Cache,
  snapshot: CacheSnapshot,
): ClientCore<C> {
  const { runtime, notifier, listTopic, usersTopic, report } = environment;
  const { userId } = options;
  const { random } = runtime;
  const lineOf = createLines<C>(userId);
  const handles = new Map<string, Handle<C>>();
  const rows = new WeakMap<Replica, object>();
  let textCharacters: number = LIMITS.textCharacters;
  let { epoch } = snapshot.meta;

  const writer = createCacheWriter(cache, async (error) => {
    const held = replicas.dump();
    report(error);
    for (const replica of replicas.all()) {
      changed(replica);
      if (replica.view) void filler.fill(replica);
    }
    const memory = memoryCache({ random });
    await memory.commit({ ...held, putOutbox: outbox.all(), users: users.all() }, "relaxed");
    return memory;
  });

  const requests = createRequests(
    runtime,
    (frame) => connection.send(frame),
    options.requestTimeout ?? CLIENT_LIMITS.requestTimeout,
  );
  const { ask } = requests;

  function changed(replica: Replica): void {
    const handle = handles.get(replica.id);
    handle?.timeline.changed();
    if (rows.get(replica) === replica.row) return;
    rows.set(replica, replica.row);
    handle?.summary.changed();
    conversations.changed();
  }

  const replicas = createReplicas(
    {
      writer,
      settle: (entries) => outbox.settle(entries),
      changed,
      arrived(replica, entry) {
        if (isSendableKind(kindOf(entry))) environment.message(handleOf(replica).conversation, lineOf(entry));
      },
      rowUnknown: (replica) => void listSync.refresh(replica.id),
    },
    snapshot.conversations,
  );

  const outbox = createOutbox(
    {
      runtime,
      ask,
      commit: (changes, durability) => writer.commit(changes, durability),
      textCharacters: () => textCharacters,
      acknowledged(entry, conversationId) {
        void acknowledge(
          { replicas, filler, listSync, writer, settle: outbox.settle },
          conversationId,
          entry,
        );
      },
      stuck: () => connection.restart(),
      changed(conversationId) {
        handles.get(conversationId)?.timeline.changed();
        environment.changed();
      },
    },
    userId,
    snapshot.outbox,
  );

  const filler = createGapFiller({
    runtime,
    replicas,
    writer,
    ask,
    catchUpEntries: options.catchUpEntries ?? CLIENT_LIMITS.catchUpEntries,
    putBack: outbox.putBack,
    changed,
    diverged(replica, above, resent) {
      runtime.log("warn", "diverged", { conversationId: replica.id, above, resent });
      environment.diverged(handleOf(replica).conversation, above, resent);
    },
    report,
  });

  const listSync = createListSync(
    {
      runtime,
      replicas,
      filler,
      writer,
      ask,
      changed() {
        listTopic.changed();
        environment.changed();
      },
      report,
    },
    snapshot.meta,
  );

  const users = createUsers<C>(
    { topic: usersTopic, ask, commit: (users) => void writer.commit({ users }), report },
    snapshot.users,
  );

  const isOnline = (): boolean => connection.state === "online";

  function handleOf(replica: Replica): Handle<C> {
    let handle = handles.get(replica.id);
    if (handle === undefined) {
      const summary = notifier.topic();
      const timeline = notifier.topic();
      const shared = { replicas, filler, writer, ask, lineOf, outboxOf: outbox.of, isOnline };
      const conversation = createConversation<C>(
        { userId, random, ask, outbox, row: listSync.row, lineOf },
        replica,
        createTimeline<C>(shared, replica, timeline),
        summary,
      );
      handles.set(replica.id, (handle = { conversation, summary, timeline }));
    }
    return handle;
  }

  const conversations = createConversationList<C>(
    {
      random,
      ask,
      replicas,
      row: listSync.row,
      handleOf: (replica) => handleOf(replica).conversation,
      state: () =>
        listSync.listed && (listSync.synced || !isOnline()) ? "complete" : isOnline() ? "filling" : "gap",
    },
    listTopic,
  );

  function received(frame: ServerFrame): void {
    switch (frame.type) {
      case "entries":
        return listSync.entries(frame.conversationId, frame);
      case "conversation-changed":
        return void listSync.row(frame.row);
      case "user-changed":
        return users.take([frame.profile]);
      case "pong":
        return void listSync.pong(frame);
      case "going-away":
        return;
      case "error":
        return requests.answer(frame.requestId, new ChatError(frame.code, frame.message, frame));
      default:
        requests.answer(frame.requestId, frame);
    }
  }

  const connection = createConnection({
    runtime,
    connect: options.connect ?? connectWebSocket,
    signals: options.signals ?? pageSignals(),
    url: options.url,
    userId,
    deviceId: snapshot.meta.deviceId,
    token: options.token,
    nextRequestId: requests.nextId,
    welcomed(welcome) {
      ({ textCharacters } = welcome);
      if (epoch !== undefined && epoch !== welcome.epoch) {
        replicas.reset();
        listSync.reset();
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
    received,
    lost() {
      requests.disconnected();
      outbox.disconnected();
      users.disconnected();
      listSync.stop();
    },
    changed() {
      listTopic.changed();
      for (const [, { timeline }] of handles) timeline.changed();
      environment.changed();
    },
    report,
  });

  return {
    connection,
    conversations: conversations.list,
    users: users.directory,
    get synced() {
      return listSync.synced;
    },
    get persistent() {
      return writer.persistent;
    },
    get pending() {
      return outbox.pending;
    },
    async close() {
      connection.close();
      requests.close();
      outbox.close();
      await writer.idle();
    },
  };
}
