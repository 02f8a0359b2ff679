import type { Runtime } from "@chat/protocol";
import { mysql, type MysqlOptions, type MysqlPool } from "@chat/server/mysql";
import type { ChatStore } from "../../src/store/chat-store.js";
import { createConversation, runtime as systemTime } from "./sqlite-drafts.js";

/** An open store with the conversation "c". */
export async function openMysql(
  pool: MysqlPool,
  options: MysqlOptions & { readonly runtime?: Runtime } = {},
): Promise<ChatStore> {
  const { runtime = systemTime, ...rest } = options;
  const store = mysql(pool, rest);
  await store.open({ runtime, groupMembers: 10_000 });
  await createConversation(store);
  return store;
}
