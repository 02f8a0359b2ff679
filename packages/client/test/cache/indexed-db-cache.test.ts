import "fake-indexeddb/auto";
import { type Entry, systemRuntime } from "@chat/protocol";
import { forceCloseDatabase, IDBFactory as FakeIndexedDb } from "fake-indexeddb";
import { describe, expect, it } from "vitest";
import type { OutboxItem } from "../../src/cache/cache.js";
import { indexedDbCache } from "../../src/cache/indexed-db-cache.js";
import { cacheSuite } from "../../src/testing/cache-suite.js";
import { ManualClock } from "./manual-clock.js";

const { random } = systemRuntime();
const NAME = "chat";
const ANSWER_DEADLINE_MS = 5_000;

cacheSuite({ describe, it }, "IndexedDB", () => {
  const indexedDB = new FakeIndexedDb();
  return { open: () => indexedDbCache({ name: NAME, indexedDB, clock: new ManualClock(), random }) };
});

/** A browser's IndexedDB whose connections a test can get at. */
class Browser {
  readonly idb = new FakeIndexedDb();
  readonly clock = new ManualClock();
  readonly connections: IDBDatabase[] = [];
  /** Called with every new connection, before the cache gets it. */
  onConnection: (connection: IDBDatabase) => void = () => {};

  open(name: string, version?: number): IDBOpenDBRequest {
    const request = this.idb.open(name, version);
    request.addEventListener("success", () => {
      this.connections.push(request.result);
      this.onConnection(request.result);
    });
    return request;
  }

  deleteDatabase(name: string): IDBOpenDBRequest {
    return this.idb.deleteDatabase(name);
  }

  cache() {
    return indexedDbCache({ name: NAME, indexedDB: this, clock: this.clock, random });
  }

  get connection(): IDBDatabase {
    return this.connections.at(-1)!;
  }
}

function succeeded<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("failed"));
  });
}

function item(sequence: number): OutboxItem {
  return { clientMessageId: `item-${sequence}`, conversationId: "a", sequence, text: "hi", createdAt: 1 };
}

const ENTRY: Entry = { messageId: 1, senderId: "ana", createdAt: 1, ordinal: 1, fingerprint: 1, text: "hi" };
const ALL = { after: 0, before: Infinity, limit: Infinity, order: "ascending" } as const;

type Begin = IDBDatabase["transaction"];

/** Puts a test's own behaviour in front of a connection's `transaction`. */
function intercept(connection: IDBDatabase, behaviour: (begin: Begin) => Begin): void {
  connection.transaction = behaviour(connection.transaction.bind(connection));
}

/** What a browser does that evicts a database or loses its storage process. */
function terminate(connection: IDBDatabase): void {
  // Its declaration names the class where an instance is meant.
  (forceCloseDatabase as unknown as (connection: IDBDatabase) => void)(connection);
}

/** Lets transactions that write fail as on a full disk. */
function whileFull(isFull: () => boolean): (connection: IDBDatabase) => void {
  return (connection) =>
    intercept(connection, (begin) => (stores, mode, options) => {
      const transaction = begin(stores, mode, options);
      if (mode !== "readwrite" || !isFull()) return transaction;
      const fake = transaction as IDBTransaction & { _abort(name: string): void };
      let aborting = false;
      const objectStore = transaction.objectStore.bind(transaction);
      transaction.objectStore = (name) => {
        const store = objectStore(name);
        const refuse = <Request>(request: Request) => {
          if (!aborting) setImmediate(() => fake._abort("QuotaExceededError"));
          aborting = true;
          return request;
        };
        const { put, clear } = store;
        store.put = (value, key) => refuse(put.call(store, value, key));
        store.clear = () => refuse(clear.call(store));
        return store;
      };
      return transaction;
    });
}

describe("IndexedDB cache", () => {
  it("says that it is persistent, and leaves no timer behind", async () => {
    const browser = new Browser();
    const cache = await browser.cache();
    expect(cache.persistent).toBe(true);
    expect(browser.clock.pending).toBe(0);
  });

  it("passes the durability on to one transaction per commit", async () => {
    const browser = new Browser();
    const cache = await browser.cache();
    const begun: unknown[] = [];
    intercept(browser.connection, (begin) => (stores, mode, options) => {
      begun.push([mode, options?.durability]);
      return begin(stores, mode, options);
    });
    await cache.commit({ putOutbox: [item(1), item(2)], meta: { epoch: "e" } }, "strict");
    await cache.commit({ entries: [{ conversationId: "a", entries: [ENTRY] }] }, "relaxed");
    expect(begun).toEqual([
      ["readwrite", "strict"],
      ["readwrite", "relaxed"],
    ]);
  });

  describe("a connection that dies under the page", () => {
    it("is replaced when the browser terminated it", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await cache.commit({ putOutbox: [item(1)] }, "strict");
      const { deviceId } = (await cache.load()).meta;
      terminate(browser.connection);
      const commits = [2, 3].map((sequence) => cache.commit({ putOutbox: [item(sequence)] }, "strict"));
      expect(await cache.load()).toMatchObject({ meta: { deviceId }, outbox: [item(1), item(2), item(3)] });
      await Promise.all(commits);
      expect(browser.connections).toHaveLength(2);
    });

    it("is replaced when it was closed and nobody said so", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      browser.connection.close();
      await cache.commit({ putOutbox: [item(1)] }, "strict");
      browser.connection.close();
      expect((await cache.load()).outbox).toEqual([item(1)]);
      browser.connection.close();
      expect(await cache.read("a", ALL)).toEqual([]);
      expect(browser.connections).toHaveLength(4);
    });

    it("loses no commit that was under way, and keeps the order", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      let begun = 0;
      intercept(browser.connection, (begin) => (stores, mode, options) => {
        begun++;
        const transaction = begin(stores, mode, options);
        queueMicrotask(() => {
          transaction.abort();
          terminate(browser.connections[0]!);
        });
        return transaction;
      });
      const commits = ["one", "two", "three"].map((cursor, index) =>
        cache.commit({ meta: { cursor }, putOutbox: [item(index)] }, "strict"),
      );
      await Promise.all(commits);
      expect(begun).toBe(1);
      expect(await cache.load()).toMatchObject({
        meta: { cursor: "three" },
        outbox: [item(0), item(1), item(2)],
      });
      expect(browser.connections).toHaveLength(2);
    });

    it("is replaced once, not for ever", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      let dead = true;
      const kill = (connection: IDBDatabase) =>
        intercept(connection, (begin) => (stores, mode, options) => {
          // The probe of a new connection is let through.
          if (dead && options?.durability === "strict") throw new DOMException("gone", "InvalidStateError");
          return begin(stores, mode, options);
        });
      kill(browser.connection);
      browser.onConnection = kill;
      await expect(cache.commit({ putOutbox: [item(1)] }, "strict")).rejects.toMatchObject({
        code: "storage_failed",
        cause: { name: "InvalidStateError" },
      });
      expect(browser.connections).toHaveLength(2);
      dead = false;
      await cache.commit({ putOutbox: [item(2)] }, "strict");
      expect((await cache.load()).outbox).toEqual([item(2)]);
    });
  });

  describe("a database that is deleted under the page", () => {
    it("is not blocked, and everything fails from then on instead of starting empty", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await cache.commit({ putOutbox: [item(1)] }, "strict");
      const { deviceId } = (await cache.load()).meta;

      await succeeded(browser.deleteDatabase(NAME));
      for (const call of [
        () => cache.commit({ putOutbox: [item(2)] }, "strict"),
        () => cache.commit({ putOutbox: [item(2)] }, "strict"),
        () => cache.read("a", ALL),
        () => cache.load(),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "storage_failed", retryable: false });
      }
      await cache.close();

      const fresh = await (await browser.cache()).load();
      expect(fresh.meta.deviceId).not.toBe(deviceId);
      expect(fresh.outbox).toEqual([]);
    });

    it("is recognised when somebody filled it again, and left alone", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await succeeded(browser.deleteDatabase(NAME));
      const other = await browser.cache();
      await other.commit({ putOutbox: [item(7)] }, "strict");
      await expect(cache.commit({ reset: true, putOutbox: [item(1)] }, "strict")).rejects.toMatchObject({
        code: "storage_failed",
        retryable: false,
      });
      expect((await other.load()).outbox).toEqual([item(7)]);
    });

    it("is noticed after an eviction too, which closes the connection first", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await cache.load();
      terminate(browser.connection);
      await succeeded(browser.deleteDatabase(NAME));
      await expect(cache.load()).rejects.toMatchObject({ code: "storage_failed", retryable: false });
    });
  });

  it("makes way for a newer version of itself, and refuses to work on it", async () => {
    const browser = new Browser();
    const cache = await browser.cache();
    (await succeeded(browser.idb.open(NAME, 2))).close();
    const newer = { code: "storage_failed", cause: { name: "VersionError" } };
    await expect(cache.load()).rejects.toMatchObject(newer);
    await expect(browser.cache()).rejects.toMatchObject(newer);
  });

  describe("storage that is refused", () => {
    it("is told by the open that throws", async () => {
      const indexedDB = {
        open(): IDBOpenDBRequest {
          throw new DOMException("not here", "SecurityError");
        },
        deleteDatabase(): IDBOpenDBRequest {
          throw new DOMException("not here", "SecurityError");
        },
      };
      await expect(
        indexedDbCache({ name: NAME, indexedDB, clock: new ManualClock(), random }),
      ).rejects.toMatchObject({ code: "storage_failed", cause: { name: "SecurityError" } });
    });

    it("is told by the probe that can't be written", async () => {
      const browser = new Browser();
      browser.onConnection = whileFull(() => true);
      await expect(browser.cache()).rejects.toMatchObject({
        code: "storage_failed",
        cause: { name: "QuotaExceededError" },
      });
      expect(browser.clock.pending).toBe(0);
      expect(() => browser.connection.transaction("meta")).toThrow(
        expect.objectContaining({ name: "InvalidStateError" }),
      );
    });

    it("is told by the probe that can't be read back", async () => {
      const browser = new Browser();
      browser.onConnection = (connection) =>
        intercept(connection, (begin) => (stores, mode, options) => {
          const transaction = begin(stores, mode, options);
          if (mode === "readonly") {
            const store = transaction.objectStore("meta");
            const get = store.get.bind(store);
            store.get = () => get("never written");
          }
          return transaction;
        });
      await expect(browser.cache()).rejects.toMatchObject({ code: "storage_failed" });
    });

    it("is told by the deadline when the open hangs; a late answer is let go", async () => {
      const browser = new Browser();
      // A deletion that an old page blocks, and behind which every open has to wait.
      const old = await succeeded(browser.idb.open(NAME, 1));
      const deleted = succeeded(browser.deleteDatabase(NAME));

      const opening = browser.cache();
      let settled = false;
      const outcome = expect(opening.finally(() => (settled = true))).rejects.toMatchObject({
        code: "storage_failed",
        retryable: true,
      });
      browser.clock.advance(ANSWER_DEADLINE_MS - 1);
      // An open elsewhere takes several turns, so that this one would have been done.
      await succeeded(browser.idb.open("another", 1));
      expect(settled).toBe(false);
      browser.clock.advance(1);
      await outcome;

      const letGo = new Promise<void>((resolve) => {
        browser.onConnection = (connection) => {
          connection.close = resolve;
        };
      });
      old.close();
      await deleted;
      await letGo;
    });
  });

  it("fails when the disk is full, tries in vain only once, and can still be read", async () => {
    const browser = new Browser();
    let full = false;
    browser.onConnection = whileFull(() => full);
    const cache = await browser.cache();
    const before = { putOutbox: [item(1)], entries: [{ conversationId: "a", entries: [ENTRY] }] };
    await cache.commit(before, "strict");

    full = true;
    await expect(cache.commit({ reset: true, putOutbox: [item(2)] }, "strict")).rejects.toMatchObject({
      code: "storage_failed",
      retryable: true,
      cause: { name: "QuotaExceededError" },
    });
    expect((await cache.load()).outbox).toEqual([item(1)]);
    expect(await cache.read("a", ALL)).toEqual([ENTRY]);
    expect(browser.connections).toHaveLength(1);

    full = false;
    await cache.commit({ putOutbox: [item(2)] }, "strict");
    expect((await cache.load()).outbox).toEqual([item(1), item(2)]);
  });

  describe("wipe", () => {
    it("deletes the database", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await cache.commit({ putOutbox: [item(1)] }, "strict");
      await cache.wipe();
      expect(await browser.idb.databases()).toEqual([]);
      expect(browser.clock.pending).toBe(0);
    });

    it("empties the database when somebody blocks its deletion, and does not wait for ever", async () => {
      const browser = new Browser();
      const cache = await browser.cache();
      await cache.commit({ putOutbox: [item(1)], meta: { epoch: "e" } }, "strict");
      const blocking = await succeeded(browser.idb.open(NAME, 1));

      const wiped = cache.wipe();
      await browser.clock.scheduled();
      browser.clock.advance(ANSWER_DEADLINE_MS);
      await wiped;
      for (const store of blocking.objectStoreNames) {
        expect(await succeeded(blocking.transaction(store).objectStore(store).count())).toBe(0);
      }
      blocking.close();
    });

    it("fails when it could neither empty nor delete", async () => {
      const browser = new Browser();
      let full = false;
      browser.onConnection = whileFull(() => full);
      const cache = await browser.cache();
      const blocking = await succeeded(browser.idb.open(NAME, 1));
      full = true;
      const wiped = expect(cache.wipe()).rejects.toMatchObject({ code: "storage_failed" });
      await browser.clock.scheduled();
      browser.clock.advance(ANSWER_DEADLINE_MS);
      await wiped;
      blocking.close();
    });
  });
});
