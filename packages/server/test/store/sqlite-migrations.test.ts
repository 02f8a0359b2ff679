import { describe, expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { expectBroughtUp, takeOutPrivacy, takeOutPruning } from "./before-privacy.js";
import { createConversation, draft, openStore, result, runtime } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

it("brings up a file of the schema before, with what it holds", async () => {
  const file = new SqliteFile();
  const handle = file.handle();
  const before = await openStore(handle);
  await before.messages.append([draft()]);
  await before.conversations.setUser({ userId: "ana", name: "Ana" });
  await before.close();
  await takeOutPrivacy((sql) => handle.exec(sql));
  handle.exec("DROP TABLE chat_announcement; UPDATE chat_store SET schema_version = 2");
  const after = sqlite(file.handle());
  await after.open({ runtime, groupMembers: 100 });
  expect(await after.conversations.users(["ana"])).toEqual([{ userId: "ana", version: 1, name: "Ana" }]);
  await expectBroughtUp(after);
  await after.close();
  file.dispose();
});

describe("a file of schema version 4, whose keys lie by their sender", () => {
  it("is brought up, and a resend gets its first answer", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const drafts = [
      draft(),
      draft(),
      draft({ deviceId: "4b3b1a52-9a39-4c1f-a5f5-5c2c3a1b0d11" }),
      draft({ clientMessageId: "no uuid" }),
    ];
    const before = await openStore(file.handle());
    expect((await before.messages.append(drafts)).map(result)).toEqual(Array(4).fill("stored"));
    await before.close();
    const handle = file.handle();
    await takeOutPruning((sql) => handle.exec(sql));
    handle.exec(`
      CREATE TABLE old (conversation INTEGER NOT NULL, sender TEXT NOT NULL, device BLOB NOT NULL, client_message BLOB NOT NULL,
        message INTEGER NOT NULL, PRIMARY KEY (conversation, sender, device, client_message)) WITHOUT ROWID;
      INSERT INTO old SELECT conversation, sender, device, client_message, message FROM chat_key;
      DROP TABLE chat_key;
      DROP TABLE chat_block;
      ALTER TABLE old RENAME TO chat_key;
      UPDATE chat_store SET schema_version = 4;`);
    const after = sqlite(file.handle());
    await after.open({ runtime, groupMembers: 100 });
    const again = await after.messages.append([...drafts, draft()]);
    expect(again.map(result)).toEqual([...Array<string>(4).fill("duplicate"), "stored"]);
    expect(again.map((outcome) => outcome.status === "duplicate" && outcome.entry.messageId)).toEqual([
      2,
      3,
      4,
      5,
      false,
    ]);
  });
});

describe("one clientMessageId", () => {
  it("is a key of each sender and device", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const store = sqlite(file.handle());
    await store.open({ runtime, groupMembers: 100 });
    await createConversation(store);
    const first = draft();
    const others = [
      { ...first, senderId: "bo" },
      { ...first, deviceId: "4b3b1a52-9a39-4c1f-a5f5-5c2c3a1b0d11" },
    ];
    const outcomes = await store.messages.append([first, ...others, first, ...others]);
    expect(outcomes.map(result)).toEqual([
      ...Array<string>(3).fill("stored"),
      ...Array<string>(3).fill("duplicate"),
    ]);
  });
});
