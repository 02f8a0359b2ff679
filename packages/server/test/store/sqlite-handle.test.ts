import { ChatError } from "@chat/protocol";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { VirtualClock } from "../virtual-clock.js";
import { createConversation, draft, logIds, openStore, result, runtime } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

const OPTIONS = { runtime, groupMembers: 100 };

function newFile(): SqliteFile {
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  return file;
}

it("sets the handle to be durable", async () => {
  const handle = newFile().handle();
  await openStore(handle);
  expect(handle.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(handle.pragma("synchronous", { simple: true })).toBe(2);
});

it("leaves synchronous where the application has set it higher", async () => {
  const handle = newFile().handle();
  handle.pragma("synchronous = EXTRA");
  await openStore(handle);
  expect(handle.pragma("synchronous", { simple: true })).toBe(3);
});

it("sets a handle to FULL that the application has set to OFF, on a file that is WAL already", async () => {
  const file = newFile();
  file.handle().pragma("journal_mode = WAL");
  const handle = file.handle();
  handle.pragma("synchronous = OFF");
  await openStore(handle);
  expect(handle.pragma("synchronous", { simple: true })).toBe(2);
});

it("gives the application's busy timeout back", async () => {
  const handle = newFile().handle({ timeout: 1234 });
  const store = await openStore(handle);
  await store.messages.append([draft()]);
  await store.conversations.list("ana", { limit: 5 });
  await store.messages.append([draft({ conversationId: "nowhere" })]);
  expect(handle.pragma("busy_timeout", { simple: true })).toBe(1234);
});

it("works beside the application's own tables, functions and defaults", async () => {
  const handle = newFile().handle();
  handle.pragma("user_version = 42");
  handle.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)");
  handle.defaultSafeIntegers(true);
  const store = await openStore(handle);
  await store.messages.append([draft()]);
  const page = await store.conversations.list("ana", { limit: 5 });
  expect(page.items[0]).toMatchObject({ head: 2, latest: { messageId: 2 } });
  expect(handle.pragma("user_version", { simple: true })).toBe(42n);
  const tables = handle
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .pluck()
    .all() as string[];
  expect(tables.filter((name) => !/^(chat_|sqlite_)/.test(name))).toEqual(["orders"]);
});

it("stays out of a transaction that the application has open, and is not part of it", async () => {
  const handle = newFile().handle();
  handle.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
  const store = await openStore(handle);
  handle.exec("BEGIN; INSERT INTO orders VALUES (1)");
  const appended = store.messages.append([draft()]);
  const read = logIds(store);
  await new Promise((resolve) => setImmediate(resolve));
  expect(handle.inTransaction).toBe(true);
  handle.exec("ROLLBACK");
  expect((await appended).map(result)).toEqual(["stored"]);
  await read;
  expect(await logIds(store)).toEqual([1, 2]);
});

it("waits while the application iterates over a statement of the handle", async () => {
  const handle = newFile().handle();
  const store = await openStore(handle);
  const rows = handle.prepare("SELECT 1 UNION SELECT 2").iterate();
  rows.next();
  const appended = store.messages.append([draft()]);
  await new Promise((resolve) => setImmediate(resolve));
  rows.return!();
  expect((await appended).map(result)).toEqual(["stored"]);
});

it("says so when the application closes the handle, and leaves it open itself", async () => {
  const file = newFile();
  const handle = file.handle();
  const store = await openStore(handle);
  await store.close();
  expect(handle.open).toBe(true);
  const again = sqlite(handle);
  await again.open(OPTIONS);
  handle.close();
  expect((await again.messages.append([draft()])).map(result)).toEqual(["store_unavailable"]);
  await expect(again.conversations.position()).rejects.toMatchObject({ code: "store_unavailable" });
  await again.close();
});

it("refuses a database in memory unless told", async () => {
  const refused = sqlite(new Database(":memory:")).open(OPTIONS);
  await expect(refused).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringMatching("memory") as string,
  });
  const temporary = sqlite(new Database("")).open(OPTIONS);
  await expect(temporary).rejects.toMatchObject({ code: "store_unavailable" });
  const allowed = sqlite(new Database(":memory:"), { allowVolatile: true });
  await allowed.open(OPTIONS);
  await createConversation(allowed);
  expect(await logIds(allowed)).toEqual([1]);
});

it("calls its watchers only for what other connections wrote", async () => {
  const file = newFile();
  const clock = new VirtualClock();
  const store = sqlite(file.handle());
  await store.open({ runtime: clock.runtime, groupMembers: 100 });
  const other = sqlite(file.handle());
  await other.open(OPTIONS);
  let calls = 0;
  const cancel = store.watch(() => calls++);
  clock.advance(500);
  await createConversation(store);
  clock.advance(500);
  expect(calls).toBe(0);
  await other.messages.append([draft()]);
  expect(calls).toBe(0);
  clock.advance(50);
  expect(calls).toBe(1);
  clock.advance(500);
  expect(calls).toBe(1);
  cancel();
  await other.messages.append([draft()]);
  clock.advance(500);
  expect(calls).toBe(1);
});

it("gives errors that carry what SQLite said", async () => {
  const handle = newFile().handle();
  const store = await openStore(handle);
  handle.exec("DROP TABLE chat_user");
  const error: unknown = await store.conversations.users(["ana"]).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ChatError);
  expect(error).toMatchObject({ code: "store_unavailable", cause: { message: "no such table: chat_user" } });
});
