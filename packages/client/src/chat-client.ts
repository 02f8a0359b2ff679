import { ChatError, isChatError, systemRuntime } from "@chat/protocol";
import { EventEmitter } from "eventemitter3";
import type { Cache, CacheSnapshot } from "./cache/cache.js";
import { memoryCache } from "./cache/memory-cache.js";
import { openCache } from "./cache/open-cache.js";
import { type ClientCore, createClientCore } from "./client-core.js";
import { resolveUrl } from "./connection/resolve-url.js";
import type {
  ChatClient,
  ChatClientEvents,
  ChatClientOptions,
  ClientStatus,
  Conversation,
  ConversationList,
  CustomData,
  TimelineMessage,
  UserDirectory,
} from "./public-types.js";
import { createNotifier } from "./runtime/notifier.js";

/**
 * Creates the chat of one user on this device. It opens what the device holds and connects by itself.
 * @throws ChatError `invalid_argument` if the URL is none
 */
export function createChatClient<C extends CustomData = CustomData>(
  options: ChatClientOptions,
): ChatClient<C> {
  const url = resolveUrl(options.url);
  const { userId, runtime = systemRuntime() } = options;
  const events = new EventEmitter();
  const notifier = createNotifier((cause) => {
    // Not shown in the status: its listeners would be called again, and might throw again.
    emit("error", logged(new ChatError("internal", "A listener of the application threw.", { cause })));
  });
  const statusTopic = notifier.topic();
  const listTopic = notifier.topic();
  const usersTopic = notifier.topic();
  let core: ClientCore<C> | undefined;
  let online = true;
  let closing: Promise<void> | undefined;
  let error: ChatError | undefined;
  let status: ClientStatus | undefined;

  function logged(error: ChatError): ChatError {
    runtime.log("warn", "client_error", { code: error.code });
    return error;
  }

  function emit<E extends keyof ChatClientEvents<C>>(
    event: E,
    ...values: Parameters<ChatClientEvents<C>[E]>
  ): void {
    for (const listener of events.listeners(event)) {
      notifier.later(() => {
        try {
          (listener as (...values: unknown[]) => void)(...values);
        } catch (cause) {
          if (event !== "error") throw cause;
          logged(new ChatError("internal", "A listener of errors threw.", { cause }));
        }
      });
    }
  }

  function changed(): void {
    if (core?.synced) error = undefined;
    status = undefined;
    statusTopic.changed();
  }

  function report(cause: unknown): void {
    if (closing) return;
    changed();
    error = logged(isChatError(cause) ? cause : new ChatError("internal", String(cause), { cause }));
    emit("error", error);
  }

  async function open(): Promise<ClientCore<C>> {
    const { cache, release } = options.cache
      ? { cache: options.cache, release: () => options.cache!.close() }
      : await openCache({ server: url, userId, runtime });
    let used: Cache = cache;
    let snapshot: CacheSnapshot;
    try {
      snapshot = await cache.load();
    } catch (error) {
      report(error);
      used = memoryCache(runtime);
      snapshot = await used.load();
    }
    const environment = {
      runtime,
      notifier,
      listTopic,
      usersTopic,
      changed,
      report,
      message: (conversation: Conversation<C>, message: TimelineMessage<C>) =>
        emit("message", { conversation, message }),
      diverged: (conversation: Conversation<C>, above: number, resent: number) =>
        emit("diverged", { conversation, above, resent }),
    };
    const created = createClientCore<C>(environment, { ...options, url }, used, snapshot);
    closeAll = async () => {
      await created.close();
      await used.close();
      await release();
    };
    if (closing) throw new ChatError("closed", "This client was closed.");
    core = created;
    if (online) core.connection.connect();
    for (const topic of [listTopic, usersTopic]) topic.changed();
    changed();
    return core;
  }

  let closeAll = (): Promise<void> => Promise.resolve();
  const opened = open();
  // Whoever waits for it is told; nobody has to.
  opened.catch(() => {});

  const conversations: ConversationList<C> = {
    get items() {
      return core?.conversations.items ?? NOTHING;
    },
    get state() {
      return core?.conversations.state ?? "filling";
    },
    subscribe: listTopic.subscribe,
    get: (id) => core?.conversations.get(id),
    fetch: async (...given) => (await opened).conversations.fetch(...given),
    createGroup: async (...given) => (await opened).conversations.createGroup(...given),
    createDirect: async (...given) => (await opened).conversations.createDirect(...given),
  };

  const users: UserDirectory<C> = {
    get: (id) => core?.users.get(id),
    subscribe: usersTopic.subscribe,
    setProfile: async (...given) => (await opened).users.setProfile(...given),
  };

  const client: ChatClient<C> = {
    userId,
    conversations,
    users,
    get status() {
      return (status ??= Object.freeze({
        connection: closing ? "closed" : (core?.connection.state ?? (online ? "connecting" : "offline")),
        synced: core?.synced ?? false,
        storage: core === undefined ? "opening" : core.persistent ? "persistent" : "memory",
        pending: core?.pending ?? 0,
        ...(error && { error }),
      }));
    },
    subscribe: statusTopic.subscribe,
    on(event, listener) {
      events.on(event, listener);
      return client;
    },
    off(event, listener) {
      events.off(event, listener);
      return client;
    },
    ready: () => opened.then(() => {}),
    connect() {
      online = true;
      core?.connection.connect();
    },
    disconnect() {
      online = false;
      if (core) core.connection.disconnect();
      else changed();
    },
    close() {
      closing ??= opened.then(
        () => closeAll(),
        () => closeAll(),
      );
      changed();
      return closing;
    },
  };
  return client;
}

const NOTHING: readonly never[] = Object.freeze([]);
