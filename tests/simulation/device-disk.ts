import { ChatError } from "@chat/protocol";
import type { Cache, CacheChanges, CacheSnapshot } from "../../packages/client/src/cache/cache.js";
import { memoryCache } from "../../packages/client/src/cache/memory-cache.js";
import type { Chance } from "./chance.js";
import type { Oracle } from "./oracle.js";
import type { Party, Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

/** How a device's storage does at the moment. */
export interface DiskWeather {
  /** Probability that a commit fails. */
  fails: number;
  usual: number;
  longest: number;
}

/** What a disk works with. */
export interface DiskOptions {
  readonly name: string;
  readonly userId: string;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly oracle: Oracle;
}

/**
 * What a device keeps. A crash loses relaxed commits that were not yet on disk: some of the last ones, never one of those
 * before a strict one that was reported as done.
 */
export class DeviceDisk {
  readonly weather: DiskWeather = { fails: 0, usual: 3, longest: 60 };
  /** It failed, and its application goes on without it. */
  broken = false;
  /** It failed at some time: what it holds is from before that. */
  hasFailed = false;
  #durable: Cache;
  #live: Cache;
  /** In `live` and not in `durable`. */
  #tail: CacheChanges[] = [];
  #crashed = false;

  constructor(private readonly options: DiskOptions) {
    this.#durable = memoryCache({ random: options.chance });
    this.#live = this.#durable;
    this.#crashed = true;
  }

  /** The application is gone; what was not on disk may be lost. */
  crash(): void {
    const { chance, trace } = this.options;
    const kept = chance.happens(0.3) ? this.#tail.length : chance.between(0, this.#tail.length);
    if (kept < this.#tail.length) trace.hit("fault relaxed commits lost");
    this.#flush(kept);
    this.#tail = [];
    this.#crashed = true;
    this.broken = false;
  }

  /** The cache as one run of the application has it. */
  open(party: Party): Cache {
    const { scheduler, chance } = this.options;
    let lastAt = 0;
    let closed = false;
    /** Answers in the order of the calls. */
    const later = async <T>(give: () => T): Promise<T> => {
      const delay = chance.delay(this.weather.usual, this.weather.longest);
      lastAt = Math.max(lastAt, scheduler.now + delay);
      await new Promise<void>((resolve) => scheduler.at(lastAt, party, resolve));
      return give();
    };
    const assertUsable = (): void => {
      if (closed) throw new ChatError("closed", "This cache was closed.");
      if (this.broken) throw new ChatError("storage_failed", "The simulated disk fails.");
    };
    return {
      persistent: true,
      load: async () => {
        await this.#recover();
        const snapshot = await this.#live.load();
        return later(() => snapshot);
      },
      read: async (conversationId, query) => {
        assertUsable();
        const entries = await this.#live.read(conversationId, query);
        return later(() => entries);
      },
      commit: async (changes, durability) => {
        assertUsable();
        if (chance.happens(this.weather.fails)) this.#break();
        if (!this.broken) {
          const copy = structuredClone(changes);
          this.#tail.push(copy);
          void this.#live.commit(copy, durability);
          void this.#inspect(copy);
        }
        const length = this.#tail.length;
        const mark = this.#tail[length - 1];
        return later(() => {
          assertUsable();
          const at = mark === undefined ? -1 : this.#tail.indexOf(mark);
          if (durability === "strict" && at >= 0) this.#flush(at + 1);
        });
      },
      wipe: async () => {
        closed = true;
      },
      close: async () => {
        closed = true;
      },
    };
  }

  /** What the application would find now. */
  async contents(): Promise<CacheSnapshot> {
    await this.#recover();
    return this.#live.load();
  }

  /** Texts of the device's own messages that it holds; `durable` leaves out what a crash could take. */
  async ownTexts(durable: boolean): Promise<readonly string[]> {
    await this.#recover();
    const from = durable ? this.#durable : this.#live;
    const texts: string[] = [];
    for (const { row, ranges } of (await from.load()).conversations) {
      for (const { from: low, to } of ranges) {
        const query = { after: low - 1, before: to + 1, limit: Infinity, order: "ascending" } as const;
        for (const { text, clientMessageId } of await from.read(row.conversationId, query)) {
          if (text !== undefined && clientMessageId !== undefined) texts.push(text);
        }
      }
    }
    return texts;
  }

  /**
   * Whether what is held is what the store has: every entry of each held range that the user may see, and no other.
   * @param heard who has heard of every redaction by now
   */
  async verify(
    conversationIds?: ReadonlySet<string>,
    heard: "nobody" | "members" | "everybody" = "nobody",
  ): Promise<void> {
    const { oracle, trace, userId, name } = this.options;
    const { conversations } = await this.#live.load();
    for (const { row, ranges } of conversations) {
      const { conversationId } = row;
      if (conversationIds?.has(conversationId) === false) continue;
      const everything = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;
      const held = await this.#live.read(conversationId, everything);
      const where = `${name} in ${conversationId}`;
      const hasHeard =
        heard === "everybody" || (heard === "members" && oracle.isMember(userId, conversationId));
      if (ranges.length > 1) trace.hit("an island is fetched");
      const inRange = (id: number): boolean => ranges.some(({ from, to }) => from <= id && id <= to);
      for (const entry of held) {
        const problem = oracle.differs(conversationId, entry, hasHeard);
        if (problem !== undefined)
          trace.fail("what a device holds is what is stored", `${where}: ${problem}`);
        if (!oracle.canSee(userId, conversationId, entry.messageId)) {
          trace.fail("nothing outside a member's intervals is held", `${where}: ${entry.messageId}`);
        }
      }
      const ids = new Set(held.map(({ messageId }) => messageId));
      const missing = oracle
        .visible(userId, conversationId)
        .find(
          ({ messageId }) =>
            messageId >= oracle.firstId(conversationId) && inRange(messageId) && !ids.has(messageId),
        );
      if (missing !== undefined) {
        trace.fail(
          "a held range holds all that is in it",
          `${where}: ${missing.messageId} of ${JSON.stringify(ranges)}`,
        );
      }
    }
  }

  async #inspect(changes: CacheChanges): Promise<void> {
    // After a restored backup a device rightly holds what the store has lost, until it notices.
    if (this.options.oracle.hasLostHistory || changes.conversations === undefined) return;
    await this.verify(new Set(changes.conversations.map(({ row }) => row.conversationId)));
  }

  #break(): void {
    this.broken = this.hasFailed = true;
    this.options.trace.hit("fault storage failed");
    this.options.trace.note(this.options.name, "its storage fails");
  }

  #flush(count: number): void {
    for (const changes of this.#tail.splice(0, count)) void this.#durable.commit(changes, "strict");
  }

  /** After a crash, what is live is what was durable. */
  async #recover(): Promise<void> {
    if (!this.#crashed) return;
    this.#crashed = false;
    const live = memoryCache({ random: this.options.chance });
    const { meta, conversations, outbox, users } = await this.#durable.load();
    const everything = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;
    const entries = [];
    for (const { row } of conversations) {
      const held = await this.#durable.read(row.conversationId, everything);
      entries.push({ conversationId: row.conversationId, entries: held });
    }
    void live.commit({ meta, conversations, entries, putOutbox: outbox, users }, "strict");
    this.#live = live;
  }
}
