import type { Entry } from "@chat/protocol";
import type {
  Cache,
  CachedConversation,
  CacheChanges,
  CacheMeta,
  CacheReadQuery,
  CacheSnapshot,
  OutboxItem,
} from "../cache/cache.js";
import { defined } from "../runtime/defined.js";

/** Writes what changed in memory into the cache, in order, one commit at a time. */
export interface CacheWriter {
  /**
   * Resolves once the changes are in the cache; never rejects. Where the cache fails, everything goes on in memory
   * and the promise resolves then: whether it outlives the page is for `persistent` to say.
   */
  commit(changes: CacheChanges, durability?: "strict" | "relaxed"): Promise<void>;
  /** Entries as of all commits so far. Empty if the cache failed. */
  read(conversationId: string, query: CacheReadQuery): Promise<readonly Entry[]>;
  /** All that was committed so far, but for the entries. */
  load(): Promise<CacheSnapshot>;
  readonly persistent: boolean;
  /** Resolves once all that was committed so far is written. */
  idle(): Promise<void>;
}

/** What waits to be committed, the newest state of each thing. */
interface Batch {
  barrier: CacheChanges;
  meta: Partial<CacheMeta>;
  conversations: Map<string, CachedConversation>;
  entries: { conversationId: string; entries: readonly Entry[] }[];
  outbox: Map<string, OutboxItem | undefined>;
  redact: CacheChanges["redact"] & object;
  users: CacheChanges["users"] & object;
  durability: "strict" | "relaxed";
  done: Promise<void>;
  resolve: () => void;
}

function newBatch(): Batch {
  let resolve = (): void => {};
  const done = new Promise<void>((settle) => (resolve = settle));
  return {
    barrier: {},
    meta: {},
    conversations: new Map(),
    entries: [],
    outbox: new Map(),
    redact: [],
    users: [],
    durability: "relaxed",
    done,
    resolve,
  };
}

/**
 * @param rescue called once, when the cache has failed: replaces what is behind it, by all that is in memory at the time of the call
 */
export function createCacheWriter(cache: Cache, rescue: (error: unknown) => Promise<void>): CacheWriter {
  let waiting: Batch[] = [];
  let running = false;
  let failing: Promise<void> | undefined;
  /** Done when all that was committed so far is. */
  let tail = Promise.resolve();

  function fail(error: unknown): Promise<void> {
    // The failed cache is never written again: a later commit could vouch for what an earlier one did not write.
    if (failing === undefined) {
      const rescued = waiting;
      waiting = [];
      failing = rescue(error).then(() => {
        for (const batch of rescued) batch.resolve();
      });
    }
    return failing;
  }

  function add(changes: CacheChanges, durability: "strict" | "relaxed"): Batch {
    const { reset, removeConversations, truncate, forget, meta, conversations = [], entries = [] } = changes;
    let batch = waiting.at(-1);
    // Steps that forget come first in a commit, so they can't join one that already remembers.
    if (batch === undefined || reset || removeConversations || truncate || forget)
      waiting.push((batch = newBatch()));
    batch.barrier = {
      ...batch.barrier,
      ...defined({ reset, removeConversations, truncate, forget }),
    };
    Object.assign(batch.meta, meta);
    for (const conversation of conversations) {
      batch.conversations.set(conversation.row.conversationId, conversation);
    }
    batch.entries.push(...entries);
    batch.redact = [...batch.redact, ...(changes.redact ?? [])];
    for (const item of changes.putOutbox ?? []) batch.outbox.set(item.clientMessageId, item);
    for (const id of changes.removeOutbox ?? []) batch.outbox.set(id, undefined);
    batch.users = [...batch.users, ...(changes.users ?? [])];
    if (durability === "strict") batch.durability = durability;
    return batch;
  }

  async function run(): Promise<void> {
    running = true;
    // Once around the microtasks, so that what belongs together is written together.
    await Promise.resolve();
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      const outbox = [...batch.outbox];
      try {
        await cache.commit(
          {
            ...batch.barrier,
            meta: batch.meta,
            conversations: [...batch.conversations.values()],
            entries: batch.entries,
            redact: batch.redact,
            putOutbox: outbox.flatMap(([, item]) => item ?? []),
            removeOutbox: outbox.flatMap(([id, item]) => (item === undefined ? id : [])),
            users: batch.users,
          },
          batch.durability,
        );
      } catch (error) {
        await fail(error);
      }
      batch.resolve();
    }
    running = false;
  }

  return {
    commit(changes, durability = "relaxed") {
      const batch = add(changes, durability);
      tail = batch.done;
      if (!running) void run();
      return tail;
    },

    async read(conversationId, query) {
      await tail;
      try {
        return await cache.read(conversationId, query);
      } catch (error) {
        await fail(error);
        return [];
      }
    },

    async load() {
      await tail;
      return cache.load().catch((error: unknown) => fail(error).then(() => cache.load()));
    },

    get persistent() {
      return cache.persistent;
    },

    idle: () => tail,
  };
}
