import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { type ChatServer, type ChatServerOptions, createChatServer } from "../src/index.js";
import { sqlite } from "../src/store/sqlite/index.js";

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "chat-server-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server on a SQLite file, whose tokens are the users' ids; closed when the test is over. */
export async function openServer(
  options: Partial<ChatServerOptions> = {},
  file = join(temporaryFolder(), "chat.db"),
): Promise<ChatServer> {
  const database = new Database(file);
  const server = createChatServer({
    store: sqlite(database),
    authenticate: ({ token }) => {
      if (token.startsWith("bad")) throw new Error("no such token");
      return { userId: token };
    },
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    database.close();
  });
  await server.ready();
  return server;
}
