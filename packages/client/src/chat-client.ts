import { ChatError, systemRuntime } from "@chat/protocol";
import { EventEmitter } from "eventemitter3";
import type { CacheSnapshot } from "./cache/cache.js";
import { CLIENT_PARTS, type ClientParts } from "./client-parts.js";
import { type ClientCore, createClientCore } from "./client-core.js";
import { pageSignals } from "./connection/network-signals.js";
import { resolveUrl } from "./connection/resolve-url.js";
import type {
  ChatClient,
  ChatClientEvents,
  ChatClientOptions,
  ClientStatus,
  CustomData,
} from "./public-types.js";
import { abortable } from "./runtime/abortable.js";
import { newDeferred } from "./runtime/deferred.js";
import { createNotifier } from "./runtime/notifier.js";
import { type Device, openDevice, soleDevice, type TabRequest } from "./tabs/device.js";
import { toChatError } from "./runtime/to-chat-error.js";

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
  const signals = options.signals ?? pageSignals();
  /** What the application wants. */
  let online = true;
  let loaded = false;
  const opened = newDeferred();
  /** Rises whenever another tab may lead. */
  let moves = 0;
  let placing: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let wiping: Promise<void> | undefined;
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
    if (core.status.synced) error = undefined;
    status = undefined;
    statusTopic.changed();
  }

  function report(cause: unknown): void {
    if (closing) return;
    changed();
    error = logged(toChatError(cause));
    emit("error", error);
    const { code, message } = error;
    device.tell({ error: { code, message } });
  }

  /** All that is in memory may be old: takes what is held from whoever has it now. */
  async function place(): Promise<void> {
    const mine = ++moves;
    if (closing) throw new ChatError("closed", "This client was closed.");
    core.follow();
    let snapshot: CacheSnapshot | undefined;
    try {
      snapshot = await device.cache.load();
    } catch (error) {
      report(error);
    }
    if (mine !== moves) return placing;
    if (device.leads) await core.lead(snapshot, online);
    else if (snapshot) core.load(snapshot);
    loaded = true;
    for (const topic of [listTopic, usersTopic]) topic.changed();
    changed();
  }

  function moved(): void {
    placing = place();
    placing.then(opened.resolve, opened.reject);
  }

  /** Once what is held has been taken over: what it does is done to that. */
  async function answer(request: TabRequest): Promise<unknown> {
    await placing;
    return core.answer(request);
  }

  const device: Device = options.cache
    ? soleDevice(options.cache, { answer, moved })
    : openDevice(
        { server: url, userId, runtime },
        {
          answer,
          heard: (notice) => core.heard(notice),
          status: () => core.status,
          moved,
          loggedOut: () => void client.close(),
        },
      );

  const core: ClientCore<C> = createClientCore<C>(
    {
      runtime,
      notifier,
      listTopic,
      usersTopic,
      changed,
      report,
      pushed: (frame) => parts.pushed?.(frame),
      wanted(wanted) {
        online = wanted;
        core.connect(wanted);
      },
      message: (conversation, message) => emit("message", { conversation, message }),
      diverged: (conversation, above, resent) => emit("diverged", { conversation, above, resent }),
    },
    { ...options, url, signals },
    device,
  );

  const unsubscribe = signals.subscribe(device.resume, device.suspend);

  function end(letGo: () => Promise<void>): Promise<void> {
    closing = (closing ?? core.close()).then(letGo);
    unsubscribe();
    opened.reject(new ChatError("closed", "This client was closed."));
    changed();
    return closing;
  }

  const parts: ClientParts = { runtime, notifier, ask: core.ask, report };
  const client: ChatClient<C> & { readonly [CLIENT_PARTS]: ClientParts } = {
    [CLIENT_PARTS]: parts,
    userId,
    conversations: core.conversations,
    users: core.users,
    get status() {
      const { connection, synced, persistent } = core.status;
      return (status ??= Object.freeze({
        connection: closing ? "closed" : loaded || online ? connection : "offline",
        synced,
        storage: loaded ? (persistent ? "persistent" : "memory") : "opening",
        pending: core.pending,
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
    get privacy() {
      return core.privacy;
    },
    setPrivacy: core.setPrivacy,
    block: (other, settings) => core.setPrivacy({ block: [other] }, settings),
    unblock: (other, settings) => core.setPrivacy({ unblock: [other] }, settings),
    push: core.push,
    ready: ({ signal } = {}) => abortable(opened.promise, signal),
    connect() {
      online = true;
      core.connect(true);
      changed();
    },
    disconnect() {
      online = false;
      core.connect(false);
      changed();
    },
    close: () => end(() => device.cache.close()),
    logout: () => (wiping ??= end(() => device.cache.wipe())),
  };
  device.resume();
  return client;
}
