import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";

/** A SQLite file in a folder of its own, and the handles that a test opened on it. */
export class SqliteFile {
  readonly folder = mkdtempSync(join(tmpdir(), "chat-sqlite-"));
  readonly path = join(this.folder, "chat.db");
  readonly #handles: Database.Database[] = [];

  /** A handle as an application would open it. */
  handle(options?: Database.Options): Database.Database {
    const handle = new Database(this.path, options);
    this.#handles.push(handle);
    return handle;
  }

  /** Closes all handles and removes the file. */
  dispose(): void {
    for (const handle of this.#handles) handle.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
