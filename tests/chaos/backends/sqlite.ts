import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LIMITS, systemRuntime } from "@chat/protocol";
import { sqlite, sqliteRegistry } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import type { Backend, Engine } from "./backend.js";

/** More pages than any round fills. */
const ALL_PAGES = 1_073_741_823;

async function headsOf(file: string, conversationIds: readonly string[]): Promise<Record<string, number>> {
  const database = new Database(file);
  const store = sqlite(database);
  await store.open({ runtime: systemRuntime(), groupMembers: LIMITS.groupMembers });
  const heads = await store.messages.heads(conversationIds);
  await store.close();
  database.close();
  return Object.fromEntries(conversationIds.map((id) => [id, heads.get(id)?.head ?? 0]));
}

/** One SQLite file, open in every server's process. */
export const sqliteBackend: Backend = {
  name: "sqlite",

  async prepare(folder): Promise<Engine> {
    const file = join(folder, "chat.db");
    const backup = join(folder, "backup.db");
    return {
      place: file,
      takeBackup() {
        rmSync(backup, { force: true });
        const database = new Database(file);
        // One read transaction: consistent, whatever the servers write meanwhile.
        database.prepare("VACUUM INTO ?").run(backup);
        database.close();
      },
      async restoreBackup(conversationIds) {
        if (!existsSync(backup)) throw new Error("There is no backup.");
        const before = await headsOf(file, conversationIds);
        // A log that belongs to another file would be played into this one.
        for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
        copyFileSync(backup, file);
        const heads = await headsOf(file, conversationIds);
        const lost = conversationIds.reduce((sum, id) => sum + before[id]! - heads[id]!, 0);
        return { heads, lost };
      },
      close() {},
    };
  },

  open(file) {
    const database = new Database(file);
    return {
      store: sqlite(database),
      registry: sqliteRegistry(database),
      fill(isFull) {
        const pages = isFull ? Number(database.pragma("page_count", { simple: true })) : ALL_PAGES;
        database.pragma(`max_page_count = ${pages}`);
      },
      close() {
        database.close();
      },
    };
  },
};

/** The same, on a file system that a file of ballast fills to the last byte. */
export function sqliteOnSmallDisk(bytes: number): Backend {
  return {
    ...sqliteBackend,
    name: "sqlite",
    async prepare(folder) {
      const engine = await sqliteBackend.prepare(folder);
      const ballast = join(dirname(engine.place), "ballast");
      return {
        ...engine,
        fillDisk(isFull) {
          rmSync(ballast, { force: true });
          if (!isFull) return;
          // In ever smaller pieces, until not a byte is left.
          for (let size = bytes; size >= 1; size = Math.floor(size / 2)) {
            try {
              for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: "a" });
            } catch (error) {
              if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
            }
          }
        },
      };
    },
  };
}
