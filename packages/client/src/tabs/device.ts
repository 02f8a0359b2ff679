import { ChatError, type Entry, type PresenceChangedFrame, type Runtime } from "@chat/protocol";
import type { Cache, CacheChanges, CacheReadQuery, CacheSnapshot } from "../cache/cache.js";
import { indexedDbCache } from "../cache/indexed-db-cache.js";
import { memoryCache } from "../cache/memory-cache.js";
import type { Request } from "../connection/requests.js";
import { toChatError } from "../runtime/to-chat-error.js";
import type { TypingNotice } from "../users/typing.js";
import { createTabs, type Locks, type TabChannel } from "./tabs.js";

/** What the leading tab says of itself. */
export interface TabStatus {
  readonly connection: "connecting" | "online" | "offline" | "stopped" | "closed";
  readonly synced: boolean;
  readonly persistent: boolean;
  /** Code points of one message's text that the server accepts. */
  readonly textCharacters: number;
}

/** What any tab may commit: messages written or discarded in it. */
type OutboxChanges = Pick<CacheChanges, "putOutbox" | "removeOutbox">;

/** What of a conversation was read, or is to be unread from an id on. */
export interface MarkRequest {
  readonly type: "mark";
  readonly conversationId: string;
  /** Absent: everything. */
  readonly read?: number | undefined;
  readonly unread?: number;
}

/** What a tab that follows asks of the one that leads. All may be asked again of the next one. */
export type TabRequest =
  | { readonly type: "load" }
  | { readonly type: "read"; readonly conversationId: string; readonly query: CacheReadQuery }
  | { readonly type: "commit"; readonly changes: OutboxChanges }
  | { readonly type: "ask"; readonly request: Request }
  | { readonly type: "fill"; readonly conversationId: string }
  | MarkRequest
  | { readonly type: "typing"; readonly conversationId: string; readonly typing: boolean }
  | { readonly type: "online"; readonly wanted: boolean };

/** What the leading tab tells the others. */
export interface TabNotice {
  readonly status?: TabStatus;
  /** Was committed. */
  readonly changes?: CacheChanges;
  /** What listeners of new messages are told. */
  readonly arrived?: { readonly conversationId: string; readonly entry: Entry };
  readonly typing?: TypingNotice;
  readonly pushed?: PresenceChangedFrame;
  readonly error?: { readonly code: string; readonly message: string };
}

/** This tab's part in the device of its user: it leads, or sees everything through the tab that does. */
export interface Device {
  /** Reads and writes, whoever leads. Of a tab that follows only the outbox's changes are taken: the leader makes the others itself. */
  readonly cache: Cache;
  readonly leads: boolean;
  /** The how manieth leader of this device; absent where there are no others. */
  readonly leader: number | undefined;
  /**
   * Asks the leading tab, which may be this one, and the next one if it is gone before it has answered. What is for the server it asks
   * for once. @throws ChatError `disconnected` if another tab leads before the server's answer came
   */
  ask(request: TabRequest): Promise<unknown>;
  /** As the leader: tells the other tabs. */
  tell(notice: TabNotice): void;
  /** The storage has failed: `cache` goes on in another one. */
  replace(storage: Cache): void;
  /** Begins, and goes on after `suspend`. */
  resume(): void;
  /** The page is put away: another tab may lead until `resume`. */
  suspend(): void;
}

/** What a device asks of the client in this tab. */
export interface DeviceHandlers {
  /** As the leader: does what another tab asks for. */
  answer(request: TabRequest): Promise<unknown>;
  /** As a follower: hears what the leader tells. */
  heard(notice: TabNotice): void;
  /** What the leader says of itself. */
  status(): TabStatus;
  /** Begins or ceases to lead, or follows another tab: all that is in memory may be old. */
  moved(): void;
  /** The user was logged out in another tab. */
  loggedOut(): void;
}

/** What {@link openDevice} needs. */
export interface DeviceOptions {
  /** Absolute URL of the server, always spelled alike. With `userId` it names database, lock and channel. */
  readonly server: string;
  readonly userId: string;
  readonly runtime: Runtime;
  /** Default: the browser's. `null`: none. */
  readonly indexedDB?: Pick<IDBFactory, "open" | "deleteDatabase"> | null | undefined;
  /** Default: the browser's. `null`: none. */
  readonly locks?: Locks | null | undefined;
  /** Default: the browser's. `null`: none. */
  readonly openChannel?: ((name: string) => TabChannel) | null | undefined;
}

/** Reads a global that may be missing or, in a sandboxed frame, throw. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A device without other tabs: its cache is the application's own, or memory. */
export function soleDevice(
  cache: Cache,
  { answer, moved }: Pick<DeviceHandlers, "answer" | "moved">,
): Device {
  let leads = false;
  function move(leading: boolean): void {
    if (leads === leading) return;
    leads = leading;
    moved();
  }
  return {
    cache: {
      get persistent() {
        return cache.persistent;
      },
      load: () => cache.load(),
      read: (...query) => cache.read(...query),
      commit: (...changes) => cache.commit(...changes),
      wipe: () => cache.wipe(),
      close: () => cache.close(),
    },
    get leads() {
      return leads;
    },
    leader: undefined,
    ask: async (request) => leads && answer(request),
    tell() {},
    replace(storage) {
      cache.close().catch(() => {});
      cache = storage;
    },
    suspend: () => move(false),
    resume: () => move(true),
  };
}

/**
 * The device of one user of one server, shared by all tabs of this browser. Where tabs can't know of each other (no Web
 * Locks, as on plain http) or there is no IndexedDB, each is a device of its own, in memory.
 */
export function openDevice(options: DeviceOptions, handlers: DeviceHandlers): Device {
  const { server, userId, runtime } = options;
  const Channel = readable(() => BroadcastChannel);
  const {
    indexedDB = readable(() => globalThis.indexedDB),
    locks = readable(() => navigator.locks as Locks),
    openChannel = Channel && ((name: string) => new Channel(name) as TabChannel),
  } = options;
  if (!indexedDB || !locks || !openChannel) return soleDevice(memoryCache(runtime), handlers);
  const name = `chat ${JSON.stringify([server, userId])}`;
  /** As the leader: what this tab writes to. */
  let storage: Promise<Cache> | undefined;
  let persistent = true;
  let closed = false;
  /** Of whoever waits until this tab leads. */
  let lookAgain = (): void => {};

  const tabs = createTabs<TabRequest, TabNotice>({
    name,
    runtime,
    locks,
    openChannel,
    // What is done while this closes may be done in memory only: the tab that leads next is asked for it.
    answer: (request) => handlers.answer(request).finally(assertOpen),
    heard(notice) {
      if (notice.status) ({ persistent } = notice.status);
      handlers.heard(notice);
    },
    greeting: () => ({ status: handlers.status() }),
    moved() {
      if (!tabs.leads) letGo();
      lookAgain();
      handlers.moved();
    },
    loggedOut() {
      // Whatever is written from now on must not be kept.
      closed = true;
      handlers.loggedOut();
    },
  });

  function assertOpen(): void {
    if (closed) throw new ChatError("closed", "This client was closed.");
  }

  function letGo(): void {
    // What it still has to write is refused, or was written before another tab could lead.
    storage?.then((cache) => cache.close()).catch(() => {});
    storage = undefined;
  }

  async function open(): Promise<Cache> {
    // What another tab went on with in memory is newer than any storage.
    if (persistent && !tabs.alone) {
      try {
        const given = { name, indexedDB: indexedDB!, ...runtime, known: tabs.number };
        const database = await indexedDbCache(given);
        tabs.number = database.leader;
        return database;
      } catch (error) {
        runtime.log("warn", "cache_refused", { error: String(error) });
      }
    }
    persistent = false;
    tabs.number++;
    return memoryCache(runtime);
  }

  /** What this tab writes to. Once it is there, the others know by the number who leads now. */
  function held(): Promise<Cache> {
    return (storage ??= open().finally(() => tabs.tell({ status: handlers.status() })));
  }

  /** Does it here, or asks the leading tab; again, whenever another one leads before it is done. */
  async function anywhere<T>(
    local: (cache: Cache) => Promise<T>,
    request: TabRequest | undefined,
  ): Promise<T> {
    for (;;) {
      assertOpen();
      const { leads, term } = tabs;
      try {
        if (leads) return await local(await held());
        return (await (request && tabs.ask(request))) as T;
      } catch (error) {
        if (toChatError(error).code === "conflict") tabs.depose();
        if (term === tabs.term) throw error;
      }
    }
  }

  async function close(): Promise<void> {
    closed = true;
    // The next leader finds everything written.
    await storage?.then((cache) => cache.close());
    tabs.leave();
  }

  return {
    get leads() {
      return tabs.leads;
    },
    get leader() {
      return tabs.number;
    },
    // Who asks the server does so again by itself, once it hears of the next connection.
    ask: (request) =>
      request.type === "ask" ? tabs.ask(request) : anywhere(() => handlers.answer(request), request),
    tell: tabs.tell,

    cache: {
      get persistent() {
        return persistent;
      },
      load: () => anywhere<CacheSnapshot>((cache) => cache.load(), { type: "load" }),
      read: (conversationId, query) =>
        anywhere((cache) => cache.read(conversationId, query), { type: "read", conversationId, query }),
      commit: (changes, durability) =>
        anywhere(async (cache) => {
          await cache.commit(changes, durability);
          tabs.tell({ changes });
        }, outboxRequest(changes)),

      async wipe() {
        // It may have left.
        tabs.join();
        tabs.logOut();
        while (!tabs.leads) await new Promise<void>((resolve) => (lookAgain = resolve));
        await (await held()).wipe();
        await close();
      },
      close,
    },

    replace(next) {
      if (!tabs.leads || closed) return;
      letGo();
      storage = Promise.resolve(next);
      ({ persistent } = next);
      // What could not be written was told to nobody: to the other tabs this is another leader, of which they take everything anew.
      tabs.number++;
      tabs.tell({ status: handlers.status() });
    },
    suspend: tabs.leave,
    resume() {
      if (!closed) tabs.join();
    },
  };
}

function outboxRequest({ putOutbox = [], removeOutbox = [] }: CacheChanges): TabRequest | undefined {
  if (putOutbox.length + removeOutbox.length === 0) return undefined;
  return { type: "commit", changes: { putOutbox, removeOutbox } };
}
