import { ChatError, type Clock, isChatError, newUuid, type Random } from "@chat/protocol";
import { wrap } from "idb";
import { defined } from "../runtime/defined.js";
import { applyChanges } from "./apply-changes.js";
import type { Cache, CacheChanges, CacheMeta, CacheReadQuery } from "./cache.js";
import {
  begin,
  between,
  type Database,
  leaderOf,
  SCHEMA_VERSION,
  settle,
  STORES,
  upgrade,
  write,
} from "./database.js";

/** Some browsers never answer where storage is forbidden (private windows), or while an older tab blocks. */
const ANSWER_DEADLINE_MS = 5_000;
/** What IndexedDB takes as a count at most; more is a TypeError. */
const MAX_COUNT = 0xffff_ffff;
/** How a connection shows that it died under us; a new one may well work. */
const CONNECTION_LOST: readonly unknown[] = ["InvalidStateError", "AbortError", "UnknownError"];

/** What {@link indexedDbCache} needs. */
export interface IndexedDbCacheOptions {
  /** Of the database. Of several caches that have it open only the one that leads may write. */
  readonly name: string;
  readonly indexedDB: Pick<IDBFactory, "open" | "deleteDatabase">;
  readonly clock: Clock;
  readonly random: Random;
}

function deleted(): ChatError {
  return new ChatError("storage_failed", "The browser deleted what this page had stored.", {
    retryable: false,
  });
}

function storageFailed(cause: unknown): ChatError {
  if (isChatError(cause)) return cause;
  return new ChatError("storage_failed", `The browser's storage refused: ${String(cause)}`, { cause });
}

/** A {@link Cache} of which several may be open, in one tab each. */
export interface IndexedDbCache extends Cache {
  /**
   * From now on this cache writes, and any other that did is refused with `conflict`, whenever it wakes up.
   * @returns the number of this leader, above that of all others and above `known`
   */
  lead(known: number): Promise<number>;
}

/**
 * A {@link Cache} in an IndexedDB database.
 * @throws ChatError `storage_failed` where the database can't be opened, written and read back in time.
 */
export async function indexedDbCache(options: IndexedDbCacheOptions): Promise<IndexedDbCache> {
  const { name, indexedDB, clock, random } = options;
  let current: Database | undefined;
  /** Of the database that this cache began with. */
  let generation: string | undefined;
  let leader: number | undefined;
  let closed = false;
  let queue: Promise<unknown> = Promise.resolve();

  function inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = clock.schedule(ANSWER_DEADLINE_MS, () =>
        reject(new ChatError("storage_failed", "IndexedDB gave no answer in time.")),
      );
      answer.then(resolve, reject).finally(cancel);
    });
  }

  /** Opens, and proves by writing and reading back that the database is of use and still the same. */
  async function connect(): Promise<Database> {
    const request = indexedDB.open(name, SCHEMA_VERSION);
    let isGone = false;
    request.onupgradeneeded = ({ oldVersion }) => {
      // Whoever logged out has it deleted: it must not come back, not even empty.
      isGone = oldVersion === 0 && generation !== undefined;
      if (isGone) request.transaction!.abort();
      else upgrade(request.result, oldVersion);
    };
    const connection = (await wrap(request).catch((error: unknown) => {
      throw isGone ? deleted() : error;
    })) as unknown as Database;
    // An eviction closes the connection, and so does a newer version or a deletion: we must not block them.
    connection.onclose = connection.onversionchange = () => disconnect(connection);
    try {
      const transaction = begin(connection, "readwrite");
      const meta = transaction.objectStore("meta");
      const found = (await meta.get("generation")) as string | undefined;
      if (generation !== undefined && found !== generation) {
        // Nothing is written to it: what this page holds belongs to another database.
        throw deleted();
      }
      generation = found ?? newUuid(random);
      const [probe, last] = [newUuid(random), await meta.get("probe")];
      const written: Promise<unknown>[] = [meta.put(probe, "probe")];
      if (found === undefined) {
        written.push(meta.put(generation, "generation"), meta.put(newUuid(random), "deviceId"));
      }
      await settle(transaction, written);
      // Another tab may have written its own meanwhile.
      if ((await begin(connection, "readonly").objectStore("meta").get("probe")) === last) {
        throw new ChatError("storage_failed", "IndexedDB does not keep what is written.");
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  function disconnect(connection = current): void {
    connection?.close();
    if (current === connection) current = undefined;
  }

  async function open(): Promise<Database> {
    const connecting = connect();
    try {
      return await inTime(connecting);
    } catch (error) {
      connecting.then(disconnect, () => {});
      throw storageFailed(error);
    }
  }

  /** Works on the open connection; on a new one, once, where it turns out to be dead. */
  async function run<T>(work: (database: Database) => Promise<T>): Promise<T> {
    for (let retried = false; ; retried = true) {
      current ??= await open();
      try {
        return await work(current);
      } catch (error) {
        if (retried || !CONNECTION_LOST.includes((error as { name?: unknown }).name))
          throw storageFailed(error);
        disconnect();
      }
    }
  }

  /** One after the other: so a commit that had to be tried again is still applied before the next. */
  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new ChatError("closed", "This cache was closed."));
    const result = queue.then(work);
    queue = result.catch(() => {});
    return result;
  }

  current = await open();

  return {
    persistent: true,

    load: () =>
      enqueue(() =>
        run(async (database) => {
          const transaction = begin(database, "readonly");
          const meta = transaction.objectStore("meta");
          const [deviceId, epoch, cursor, privacy, conversations, outbox, users] = await Promise.all([
            meta.get("deviceId"),
            meta.get("epoch"),
            meta.get("cursor"),
            meta.get("privacy"),
            transaction.objectStore("conversations").getAll(),
            transaction.objectStore("outbox").index("sequence").getAll(),
            transaction.objectStore("users").getAll(),
          ]);
          return {
            meta: defined({ deviceId, epoch, cursor, privacy }) as CacheMeta,
            conversations,
            outbox,
            users,
          };
        }),
      ),

    read: (conversationId: string, { after, before, limit, order }: CacheReadQuery) =>
      enqueue(() =>
        run(async (database) => {
          // IndexedDB throws for a range that can hold nothing.
          if (after >= before) return [];
          const count = Math.min(limit, MAX_COUNT);
          const entries = begin(database, "readonly").objectStore("entries");
          let from = after;
          if (order === "descending") {
            // Finds where the last `count` begin, by keys alone; then they are read at once.
            let cursor = await entries.openKeyCursor(between(conversationId, after, before), "prev");
            if (count > 1) cursor = (await cursor?.advance(count - 1)) ?? null;
            if (cursor !== null) from = cursor.key[1] - 1;
          }
          return entries.getAll(between(conversationId, from, before), count);
        }),
      ),

    commit: (changes: CacheChanges, durability: "strict" | "relaxed") =>
      enqueue(() =>
        run((database) => write(database, durability, leader, (stores) => applyChanges(changes, stores))),
      ),

    lead: (known) =>
      enqueue(() =>
        run(async (database) => {
          const transaction = begin(database, "readwrite", "strict");
          const next = Math.max(await leaderOf(transaction), known) + 1;
          await settle(transaction, [transaction.objectStore("meta").put(String(next), "leader")]);
          return (leader = next);
        }),
      ),

    wipe() {
      const wiped = enqueue(async () => {
        // Emptied first: another connection may put off the deletion.
        const emptied = run((database) =>
          write(database, "strict", leader, ({ clear }) => STORES.forEach(clear)),
        );
        const failed = await emptied.then(
          () => false,
          () => true,
        );
        disconnect();
        try {
          await inTime(wrap(indexedDB.deleteDatabase(name)));
        } catch (error) {
          if (failed) throw storageFailed(error);
        }
      });
      closed = true;
      return wiped;
    },

    async close() {
      closed = true;
      await queue;
      disconnect();
    },
  };
}
