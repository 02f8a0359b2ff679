import { expect } from "vitest";
import type { ChatStore } from "../../src/index.js";
import { draft, result } from "./sqlite-drafts.js";

/** Takes out of a database what the schema has had since privacy came. */
export async function takeOutPrivacy(run: (sql: string) => unknown): Promise<void> {
  for (const table of ["chat_user", "chat_receipt"]) {
    for (const column of ["privacy_version", "typing", "read_receipts"]) {
      await run(`ALTER TABLE ${table} DROP COLUMN ${column}`);
    }
  }
  await run("ALTER TABLE chat_receipt DROP COLUMN shown_read");
  await run("DROP TABLE chat_block");
  await takeOutPruning(run);
}

/** As {@link takeOutPrivacy}, since it is noted what was pruned. */
export async function takeOutPruning(run: (sql: string) => unknown): Promise<void> {
  await run("ALTER TABLE chat_conversation DROP COLUMN first_ordinal");
  await run("ALTER TABLE chat_conversation DROP COLUMN prune_change");
}

/** A store that was opened on such a database, with one draft in it, has that and all that is new. */
export async function expectBroughtUp({ messages, conversations }: ChatStore): Promise<void> {
  expect((await messages.append([draft()])).map(result)).toEqual(["stored"]);
  expect(await conversations.row("ana", "c")).toMatchObject({ head: 3, read: 3 });
  expect((await conversations.receipts("c", { limit: 5 })).items).toMatchObject([{ userId: "ana", read: 3 }]);
  expect(await conversations.setPrivacy("ana", { typing: false })).toMatchObject({
    version: 1,
    typing: false,
  });
}
