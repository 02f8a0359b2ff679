import type { Clock, Runtime } from "@chat/protocol";
import type { Cache } from "./cache.js";
import { indexedDbCache } from "./indexed-db-cache.js";
import { memoryCache } from "./memory-cache.js";

/** A page that is being reloaded may hold the lock of the one that it becomes for a moment. */
const LOCK_PATIENCE_MS = 1_000;

/** What is called of `navigator.locks`. */
export interface Locks {
  request(
    name: string,
    options: { readonly signal: AbortSignal },
    holdWhile: () => Promise<void>,
  ): Promise<unknown>;
}

/** What {@link openCache} needs. */
export interface OpenCacheOptions {
  /** Absolute URL of the server, always spelled alike. With `userId` it names databases and locks. */
  readonly server: string;
  readonly userId: string;
  readonly runtime: Runtime;
  /** Default: the browser's. `null`: none. */
  readonly indexedDB?: Pick<IDBFactory, "open" | "deleteDatabase"> | null;
  /** Default: the browser's. `null`: none. */
  readonly locks?: Locks | null;
}

/**
 * Why nothing outlives this page:
 * `no-locks`: without Web Locks (plain http) two tabs would share one device without knowing of each other;
 * `other-tab`: another tab of the same user has the database; `refused`: there is no IndexedDB, or it is of no use.
 */
type MemoryReason = "no-locks" | "other-tab" | "refused";

/** The cache that could be had. */
export interface OpenedCache {
  readonly cache: Cache;
  /** Absent if the cache is persistent. */
  readonly reason?: MemoryReason;
  /** Closes the cache, then lets another tab have the database. Harmless when repeated. */
  release(): Promise<void>;
}

/** Reads a global that may be missing or, in a sandboxed frame, throw. */
function ask<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Takes a lock, to be held until it is given back or the page ends; or says why not. */
function acquire(locks: Locks, name: string, clock: Clock): Promise<(() => void) | MemoryReason> {
  const patience = new AbortController();
  return new Promise((resolve) => {
    const cancel = clock.schedule(LOCK_PATIENCE_MS, () => {
      patience.abort();
      resolve("other-tab");
    });
    const refused = () => {
      cancel();
      resolve("no-locks");
    };
    try {
      locks
        .request(name, { signal: patience.signal }, () => {
          cancel();
          return patience.signal.aborted ? Promise.resolve() : new Promise<void>((unlock) => resolve(unlock));
        })
        // Where locks are forbidden; after an abort or a theft this changes nothing any more.
        .catch(refused);
    } catch {
      refused();
    }
  });
}

/**
 * Opens what this device keeps for one user of one server: in IndexedDB if this tab can have it for itself, else in
 * memory, as a device of its own, and says why. Never rejects.
 */
export async function openCache(options: OpenCacheOptions): Promise<OpenedCache> {
  const { server, userId, runtime } = options;
  const { clock, random, log } = runtime;
  const { indexedDB = ask(() => globalThis.indexedDB), locks = ask(() => navigator.locks) } = options;
  const name = `chat ${JSON.stringify([server, userId])}`;

  function inMemory(reason: MemoryReason): OpenedCache {
    const cache = memoryCache({ random });
    return { cache, reason, release: () => cache.close() };
  }

  if (!indexedDB) return inMemory("refused");
  if (!locks) return inMemory("no-locks");
  const lock = await acquire(locks, name, clock);
  if (typeof lock === "string") return inMemory(lock);
  try {
    const cache = await indexedDbCache({ name, indexedDB, clock, random });
    return {
      cache,
      async release() {
        await cache.close();
        lock();
      },
    };
  } catch (error) {
    lock();
    log("warn", "cache_refused", { error: String(error) });
    return inMemory("refused");
  }
}
