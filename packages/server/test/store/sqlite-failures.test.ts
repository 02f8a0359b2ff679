import { copyFileSync, openSync, statSync, writeFileSync, writeSync, closeSync } from "node:fs";
import type Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { VirtualClock } from "../virtual-clock.js";
import { draft, logIds, openStore, result, runtime, upTo, uuid } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

const OPTIONS = { runtime, groupMembers: 100 };

function newFile(): SqliteFile {
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  return file;
}

/** Moves a virtual clock until a promise is settled. */
async function untilSettled<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const watched = promise.finally(() => (settled = true));
  watched.catch(() => undefined);
  while (!settled) {
    clock.advance(10);
    await clock.settle();
  }
  return watched;
}

describe("a locked database", () => {
  it("is tried again without blocking the event loop, while reads go on", async () => {
    const file = newFile();
    const store = await openStore(file.handle({ timeout: 60_000 }));
    const locker = file.handle();
    locker.exec("BEGIN IMMEDIATE");
    let settled = false;
    const appended = store.messages.append([draft(), draft()]).finally(() => (settled = true));
    let longest = 0;
    for (let turns = 0, last = performance.now(); turns < 20; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      expect(await logIds(store)).toEqual([1]);
    }
    expect(settled).toBe(false);
    expect(longest).toBeLessThan(1_000);
    locker.exec("COMMIT");
    expect((await appended).map(result)).toEqual(["stored", "stored"]);
  });

  it("is given up after a deadline, typed and retryable, and nothing was stored", async () => {
    const file = newFile();
    const clock = new VirtualClock();
    await openStore(file.handle());
    const store = sqlite(file.handle());
    await store.open({ runtime: clock.runtime, groupMembers: 100 });
    const locker = file.handle();
    locker.exec("BEGIN IMMEDIATE");
    const late = draft();
    const [appended, reserved] = await untilSettled(
      clock,
      Promise.all([
        store.messages.append([late, draft()]),
        store.conversations
          .reserve({ conversationId: "d", type: "group", creatorId: "ana", createdAt: 1 })
          .catch((error: unknown) => error),
      ]),
    );
    expect(appended.map(result)).toEqual(["store_unavailable", "out_of_order"]);
    expect(appended[0]).toMatchObject({
      error: { retryable: true, message: expect.stringMatching(/locked/) as string },
    });
    expect(reserved).toMatchObject({ code: "store_unavailable" });
    expect(await logIds(store)).toEqual([1]);
    locker.exec("COMMIT");
    expect((await store.messages.append([late])).map(result)).toEqual(["stored"]);
  });

  it("is reported when the store can't be opened for it", async () => {
    const file = newFile();
    const clock = new VirtualClock();
    const locker = file.handle();
    locker.exec("CREATE TABLE orders (id); BEGIN EXCLUSIVE");
    const opened = sqlite(file.handle()).open({ runtime: clock.runtime, groupMembers: 100 });
    await expect(untilSettled(clock, opened)).rejects.toMatchObject({ code: "store_unavailable" });
    locker.exec("COMMIT");
    await sqlite(file.handle()).open(OPTIONS);
  });

  it("lets close() wait for what still tries", async () => {
    const file = newFile();
    const store = await openStore(file.handle());
    const locker = file.handle();
    locker.exec("BEGIN IMMEDIATE");
    const appended = store.messages.append([draft()]);
    const closed = store.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    locker.exec("COMMIT");
    await closed;
    expect((await appended).map(result)).toEqual(["stored"]);
  });
});

describe("a full disk", () => {
  it("refuses, loses nothing that was acknowledged, and goes on when there is room again", async () => {
    const file = newFile();
    const handle = file.handle();
    const store = await openStore(handle);
    const pages = handle.pragma("page_count", { simple: true }) as number;
    handle.pragma(`max_page_count = ${pages + 40}`);
    const results = new Map<string, string[]>();
    let acknowledged = 1;
    for (let round = 0; round < 30; round++) {
      const outcomes = await store.messages.append([
        draft({ deviceId: uuid(), text: "x".repeat(10_000) }),
        draft({ deviceId: uuid() }),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === "stored") expect(outcome.entry.messageId).toBe(++acknowledged);
        else results.set(result(outcome), [outcome.status === "refused" ? outcome.error.message : ""]);
      }
    }
    expect([...results.keys()]).toEqual(["store_unavailable"]);
    expect(results.get("store_unavailable")![0]).toMatch(/full/);
    expect(acknowledged).toBeGreaterThan(3);
    expect(await logIds(store)).toEqual(upTo(acknowledged));
    handle.pragma(`max_page_count = ${pages + 10_000}`);
    expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
    expect(await logIds(store)).toEqual(upTo(acknowledged + 1));
    expect((await store.conversations.row("ana", "c"))?.head).toBe(acknowledged + 1);
    expect(handle.inTransaction).toBe(false);
  });
});

describe("a file that is no healthy database", () => {
  const opening = (handle: Database.Database) => sqlite(handle).open(OPTIONS);

  it("of another kind is refused", async () => {
    const file = newFile();
    writeFileSync(file.path, "This is a letter, and no database at all. ".repeat(200));
    const message = expect.stringMatching(/not a SQLite database/) as string;
    await expect(opening(file.handle())).rejects.toMatchObject({ code: "store_unavailable", message });
  });

  it("that is damaged is refused, or its reads and writes are", async () => {
    const file = newFile();
    const first = file.handle();
    const store = await openStore(first);
    for (let round = 0; round < 20; round++) {
      await store.messages.append(upTo(100).map(() => draft({ text: "x".repeat(200) })));
    }
    await store.close();
    first.close();
    const size = statSync(file.path).size;
    const descriptor = openSync(file.path, "r+");
    writeSync(descriptor, Buffer.alloc(size - 8_192, 0xa5), 0, size - 8_192, 8_192);
    closeSync(descriptor);
    const damaged = sqlite(file.handle());
    const failure = await damaged
      .open(OPTIONS)
      .then(() => logIds(damaged))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(/damaged/) as string,
    });
    expect((await damaged.messages.append([draft()])).map(result)).toEqual(["store_unavailable"]);
  });

  it("that can't be written is refused", async () => {
    const file = newFile();
    await openStore(file.handle());
    const message = expect.stringMatching(/read-only/) as string;
    await expect(opening(file.handle({ readonly: true }))).rejects.toMatchObject({
      code: "store_unavailable",
      message,
    });
  });

  it("of a newer schema is refused, and left as it is", async () => {
    const file = newFile();
    const handle = file.handle();
    await openStore(handle);
    handle.exec("UPDATE chat_store SET schema_version = 99");
    const message = expect.stringMatching(/schema version 99.*upgrade/) as string;
    await expect(opening(file.handle())).rejects.toMatchObject({ code: "store_unavailable", message });
    expect(handle.prepare("SELECT count(*) FROM chat_boot").pluck().get()).toBe(1);
  });

  it("with a table of the application in the way is refused, and left as it is", async () => {
    const handle = newFile().handle();
    handle.exec("CREATE TABLE chat_message (mine TEXT)");
    await expect(opening(handle)).rejects.toMatchObject({
      code: "store_unavailable",
      cause: { message: expect.stringMatching(/chat_message already exists/) as string },
    });
    expect(handle.prepare("SELECT count(*) FROM sqlite_schema").pluck().get()).toBe(1);
  });
});

describe("a restored backup", () => {
  it("refuses the cursors of what it has lost, and takes the older ones", async () => {
    const file = newFile();
    const handle = file.handle();
    const store = await openStore(handle);
    await store.messages.append([draft()]);
    const kept = await store.conversations.position();
    await store.messages.append([draft()]);
    handle.pragma("wal_checkpoint(TRUNCATE)");
    copyFileSync(file.path, `${file.path}.backup`);
    const atBackup = await store.conversations.position();
    await store.messages.append([draft(), draft()]);
    await store.conversations.setUser({ userId: "ana", name: "Ana" });
    const lost = await store.conversations.position();
    await store.close();
    handle.close();

    copyFileSync(`${file.path}.backup`, file.path);
    const restored = sqlite(file.handle());
    await restored.open(OPTIONS);
    const check = async (): Promise<void> => {
      const { conversations } = restored;
      expect((await conversations.changes({ limit: 5, cursor: kept })).conversations).toHaveLength(1);
      expect((await conversations.listChanges("ana", { limit: 5, cursor: atBackup })).more).toBe(false);
      for (const answer of [
        conversations.changes({ limit: 5, cursor: lost }),
        conversations.listChanges("ana", { limit: 5, cursor: lost }),
      ]) {
        await expect(answer).rejects.toMatchObject({ code: "cursor_invalid" });
      }
    };
    await check();
    // The new history passes the lost position; the cursor must not come to life again.
    for (const _ of upTo(10)) await restored.messages.append([draft()]);
    await check();
    await restored.close();
    await sqlite(file.handle())
      .open(OPTIONS)
      .then(() => undefined);
  });
});
