import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemRuntime } from "@chat/protocol";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { bundleSources, root } from "../bundle/bundle-sources.js";
import { type DiskEvent, parseTrace } from "./parse-trace.js";

/** What a line of the standard error begins with that promises a message. */
export const ACKNOWLEDGED = "acknowledged ";
/** The conversation that all is written into. */
export const ROOM = "room";

/**
 * A fault that is planted. `normal`, `off`: SQLite is told to sync less once the server has checked it. `early`: a message is
 * promised before it is stored.
 */
export type Plant = "none" | "normal" | "off" | "early";

/** A recorded run: the database as it was before, and what was done to it since. */
export interface Recording {
  /** The database file, closed in order, before the recorded process began. */
  readonly before: Buffer;
  /** Path of the database file that the events speak of. */
  readonly file: string;
  readonly events: readonly DiskEvent[];
}

/** True if a process can be traced here. */
export function canTrace(): boolean {
  try {
    execFileSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs a server that stores messages, and records every write and sync of its process. */
export async function recordTrace(folder: string, plant: Plant, messages: number): Promise<Recording> {
  const file = join(folder, "chat.db");
  const database = new Database(file);
  const store = sqlite(database);
  await store.open({ runtime: systemRuntime(), groupMembers: 10 });
  await store.close();
  database.close();
  const copy = join(folder, "before.db");
  copyFileSync(file, copy);
  const trace = join(folder, "trace.txt");
  const bundle = await bundleSources(join(root, "tests/power-cut/writer-child.ts"), `power-cut-${plant}`);
  const calls = "trace=pwrite64,write,pwritev,fsync,fdatasync,ftruncate,unlink";
  // Paths in place of numbers, all bytes in hexadecimal, nothing cut short.
  const options = ["-f", "-y", "-xx", "-s", "10000000", "-e", calls, "-e", "signal=none", "-o", trace];
  const command = [...options, process.execPath, bundle, file, plant, String(messages)];
  await promisify(execFile)("strace", command, { cwd: root, maxBuffer: 2 ** 26 }).catch(
    (error: { signal?: string; stderr?: string }) => {
      if (error.signal !== "SIGKILL") throw error;
    },
  );
  return {
    before: readFileSync(copy),
    file,
    events: parseTrace(readFileSync(trace, "latin1"), ACKNOWLEDGED),
  };
}
