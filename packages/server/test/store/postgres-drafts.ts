import type { Runtime } from "@chat/protocol";
import { postgres, type PostgresOptions, type PostgresPool } from "@chat/server/postgres";
import type { ChatStore } from "../../src/store/chat-store.js";
import { createConversation, runtime as systemTime } from "./sqlite-drafts.js";

/** An open store with the conversation "c". */
export async function openPostgres(
  pool: PostgresPool,
  options: PostgresOptions & { readonly runtime?: Runtime } = {},
): Promise<ChatStore> {
  const { runtime = systemTime, ...rest } = options;
  const store = postgres(pool, rest);
  await store.open({ runtime, groupMembers: 10_000 });
  await createConversation(store);
  return store;
}
