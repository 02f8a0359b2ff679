import { LIMITS } from "@chat/protocol";
import type Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import type { SqliteDatabase } from "../../src/store/sqlite/index.js";
import { draft, logIds, openStore, result, upTo, uuid } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

/** A handle that counts what is run on it. */
function counting(handle: Database.Database): {
  readonly database: SqliteDatabase;
  readonly runs: Map<string, number>;
} {
  const runs = new Map<string, number>();
  const prepare = (sql: string) => {
    const statement = handle.prepare(sql);
    const run = statement.run.bind(statement);
    statement.run = (...parameters: unknown[]) => {
      const words = sql.trim().split(/\s+/, 3).join(" ");
      runs.set(words, (runs.get(words) ?? 0) + 1);
      return run(...parameters);
    };
    return statement;
  };
  const database = new Proxy(handle, {
    get(target, name) {
      if (name === "prepare") return prepare;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { database, runs };
}

function newFile(): SqliteFile {
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  return file;
}

it("shares one commit among the appends of one turn, and writes each conversation once", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  runs.clear();
  const outcomes = await Promise.all(upTo(100).map(() => store.messages.append([draft()])));
  expect(outcomes.map(([outcome]) => result(outcome))).toEqual(Array(100).fill("stored"));
  expect(runs.get("BEGIN IMMEDIATE")).toBe(1);
  expect(runs.get("COMMIT")).toBe(1);
  expect(runs.get("UPDATE chat_conversation SET")).toBe(1);
  expect(runs.get("INSERT INTO chat_message")).toBe(100);
});

it("lets the event loop go on between groups of many members", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  const groups = upTo(7).map((index) => `g${index}`);
  for (const conversationId of groups) {
    await store.conversations.reserve({ conversationId, type: "group", creatorId: "ana", createdAt: 1 });
  }
  runs.clear();
  const add = upTo(100).map((index) => ({ userId: `u${index}`, role: "member" as const }));
  const text = "x".repeat(1_000_000);
  const drafts = groups.map((conversationId) =>
    draft({ conversationId, membershipVersion: 0, text, membership: { add, remove: [] } }),
  );
  const outcomes = await Promise.all(drafts.map((each) => store.messages.append([each])));
  expect(outcomes.flat().map(result)).toEqual(groups.map(() => "stored"));
  expect(runs.get("COMMIT")).toBe(4);
});

it("lets the event loop go on between the receipts of many devices", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  runs.clear();
  const advances = upTo(200).map(() => ({ conversationId: "c", userId: "ana", delivered: 1 }));
  await Promise.all(upTo(13).map(() => store.conversations.advanceReceipts(advances)));
  expect(runs.get("COMMIT")).toBe(3);
});

it("adds 500 members with one statement", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  runs.clear();
  const add = upTo(99).map((index) => ({ userId: `u${index}`, role: "member" as const }));
  const kind = "members-added";
  await store.messages.append([draft({ kind, countsAsUnread: false, membership: { add, remove: [] } })]);
  expect((await store.conversations.row("u7", "c"))?.memberCount).toBe(100);
  expect(runs.get("INSERT INTO chat_participation")).toBe(1);
  expect([...runs.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(10);
});

it("bounds what shares a commit, so that the event loop comes to its turn", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  runs.clear();
  const outcomes = await store.messages.append(upTo(1_100).map(() => draft()));
  expect(outcomes.every(({ status }) => status === "stored")).toBe(true);
  expect(runs.get("COMMIT")).toBe(3);
});

it("lets a draft that makes SQLite fail, fail alone", async () => {
  const handle = newFile().handle();
  const store = await openStore(handle);
  const [bad, other] = [draft({ text: "bad" }), draft({ deviceId: uuid() })];
  const clientMessageId = bad.clientMessageId.replaceAll("-", "");
  handle.exec(`CREATE TRIGGER fail BEFORE INSERT ON chat_key WHEN hex(NEW.client_message) = upper('${clientMessageId}')
    BEGIN SELECT RAISE(ABORT, 'no'); END`);
  const outcomes = await store.messages.append([draft(), bad, draft(), other]);
  expect(outcomes.map(result)).toEqual(["stored", "store_unavailable", "out_of_order", "stored"]);
  expect(await logIds(store)).toEqual([1, 2, 3]);
  const concurrent = await Promise.all([draft(), bad, draft()].map((one) => store.messages.append([one])));
  expect(concurrent.map(([outcome]) => result(outcome))).toEqual(["stored", "store_unavailable", "stored"]);
  expect(await logIds(store)).toEqual(upTo(5));
  expect((await store.conversations.row("ana", "c"))?.headOrdinal).toBe(4);
});

it("has what fails cost those who share its commit no commit each: anybody may ask for what is refused", async () => {
  const { database, runs } = counting(newFile().handle());
  const store = await openStore(database);
  const block = upTo(LIMITS.blockedUsers + 1).map((index) => `u${index}`);
  runs.clear();
  const appends = upTo(100).map((index) => {
    const refused = index === 50 ? store.conversations.setPrivacy("ana", { block }) : undefined;
    return { refused, appended: store.messages.append([draft()]) };
  });
  await expect(appends[49]!.refused).rejects.toMatchObject({ code: "limit_exceeded" });
  const outcomes = await Promise.all(appends.map(({ appended }) => appended));
  expect(outcomes.map(([outcome]) => result(outcome))).toEqual(Array(100).fill("stored"));
  expect(await logIds(store)).toEqual(upTo(101));
  expect(runs.get("COMMIT")).toBe(2);
});

it("refuses data that can't be stored without touching what shares the commit", async () => {
  const store = await openStore(newFile().handle());
  const bad = draft({ data: { amount: 1n as unknown as number } });
  const outcomes = await store.messages.append([draft(), bad, draft()]);
  expect(outcomes.map(result)).toEqual(["stored", "data_invalid", "stored"]);
});

it("refuses what comes beyond the drafts that may wait, before anything of it is stored", async () => {
  const store = await openStore(newFile().handle());
  const many = store.messages.append(upTo(20_000).map(() => draft()));
  const beyond = await store.messages.append([draft({ deviceId: uuid() }), draft({ deviceId: uuid() })]);
  expect(beyond.map(result)).toEqual(["overloaded", "overloaded"]);
  await expect(store.conversations.setUser({ userId: "ana" })).rejects.toMatchObject({ code: "overloaded" });
  expect((await many).every(({ status }) => status === "stored")).toBe(true);
  expect((await store.messages.append([draft()])).map(result)).toEqual(["stored"]);
});
