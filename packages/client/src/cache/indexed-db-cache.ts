import { ChatError, type Clock, isChatError, newUuid, type Random } from "@chat/protocol";
import { wrap } from "idb";
import { applyChanges } from "./apply-changes.js";
import type { Cache, CacheChanges, CacheReadQuery, CacheSnapshot } from "./cache.js";
import {
  begin,
  between,
  type Database,
  leaderOf,
  SCHEMA_VERSION,
  settle,
  snapshotIn,
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
  /** The newest leader that is known of; 0 by default. */
  readonly known?: number;
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
  /** Its number as the leader, above that of all others: any other that wrote is refused with `conflict`, whenever it wakes up. */
  readonly leader: number;
}

/**
 * A {@link Cache} in an IndexedDB database.
 * @throws ChatError `storage_failed` where the database can't be opened, written and read back in time.
 */
export async function indexedDbCache(options: IndexedDbCacheOptions): Promise<IndexedDbCache> {
  const { name, indexedDB, clock, random, known = 0 } = options;
  let current: Database | undefined;
  /** Of the database that this cache began with. */
  let generation: string | undefined;
  /** 0 before the first connection. */
  let leader = 0;
  /** What it began with, until something is written. */
  let first: Promise<CacheSnapshot> | undefined;
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

  /** Opens, and proves that the database is of use, by writing and reading back at first, and still the same. */
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
      const [given, newest] = await Promise.all([meta.get("generation"), leaderOf(transaction)]);
      const found = given as string | undefined;
      if (generation !== undefined && found !== generation) {
        // Nothing is written to it: what this page holds belongs to another database.
        throw deleted();
      }
      generation = found ?? newUuid(random);
      if (leader > 0) return connection;
      leader = Math.max(newest, known) + 1;
      const written: Promise<unknown>[] = [meta.put(String(leader), "leader")];
      if (found === undefined) {
        written.push(meta.put(generation, "generation"), meta.put(newUuid(random), "deviceId"));
      }
      // Begun at once, and carried out behind it: a page that starts waits for each turn.
      const reading = begin(connection, "readonly");
      const kept = leaderOf(reading);
      first = snapshotIn(reading);
      // Where the writing fails, nobody waits for them.
      Promise.all([kept, first]).catch(() => {});
      await settle(transaction, written);
      // Another tab may have begun to lead meanwhile.
      if ((await kept) < leader) {
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
    if (current === connection) current = first = undefined;
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
    leader,

    load: () =>
      enqueue(() =>
        run((database) => {
          const begun = first;
          first = undefined;
          return begun ?? snapshotIn(begin(database, "readonly"));
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

    commit(changes: CacheChanges, durability: "strict" | "relaxed") {
      first = undefined;
      return enqueue(() =>
        run((database) => write(database, durability, leader, (stores) => applyChanges(changes, stores))),
      );
    },

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
