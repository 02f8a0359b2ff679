import { expect, it } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { openStore, runtime, draft, result } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

it("brings up a file of the schema before, with what it holds", async () => {
  const file = new SqliteFile();
  const handle = file.handle();
  const before = await openStore(handle);
  await before.messages.append([draft()]);
  await before.conversations.setUser({ userId: "ana", name: "Ana" });
  await before.close();
  for (const table of ["chat_user", "chat_receipt"]) {
    for (const column of ["privacy_version", "typing", "read_receipts"]) {
      handle.exec(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
  handle.exec("DROP TABLE chat_announcement");
  handle.exec("ALTER TABLE chat_receipt DROP COLUMN shown_read; UPDATE chat_store SET schema_version = 2");
  const after = sqlite(file.handle());
  await after.open({ runtime, groupMembers: 100 });
  expect((await after.messages.append([draft()])).map(result)).toEqual(["stored"]);
  const { conversations } = after;
  expect(await conversations.row("ana", "c")).toMatchObject({ head: 3, read: 3 });
  expect((await conversations.receipts("c", { limit: 5 })).items).toMatchObject([{ userId: "ana", read: 3 }]);
  expect(await conversations.users(["ana"])).toEqual([{ userId: "ana", version: 1, name: "Ana" }]);
  expect(await conversations.setPrivacy("ana", { typing: false })).toMatchObject({
    version: 1,
    typing: false,
  });
  await after.close();
  file.dispose();
});
