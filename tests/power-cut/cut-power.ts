import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemRuntime } from "@chat/protocol";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { SeededRandom } from "../replay/seeded-random.js";
import { Disk, type Fate } from "./disk.js";
import { type Recording, ROOM } from "./record-trace.js";

const FATES: readonly Fate[] = ["none", "all", "some", "some"];

/** What power cuts at many places of a recording came to. */
export interface CutReport {
  readonly cuts: number;
  /** Promised messages over all cuts. */
  readonly promised: number;
  /** Those of them that were gone, or whose database could not be read. */
  readonly lost: number;
  readonly examples: readonly string[];
}

/** The texts that a store finds in a database file. @throws what SQLite says of it */
async function textsIn(file: string): Promise<ReadonlySet<string>> {
  const database = new Database(file);
  try {
    const check = String(database.pragma("quick_check", { simple: true }));
    if (check !== "ok") throw new Error(check);
    const store = sqlite(database);
    await store.open({ runtime: systemRuntime(), groupMembers: 10 });
    const query = {
      conversationId: ROOM,
      after: 0,
      before: Number.MAX_SAFE_INTEGER,
      order: "ascending",
    } as const;
    const entries = await store.messages.read({ ...query, limit: 1_000_000, maxBytes: Infinity });
    entries.forEach(({ messageId }, index) => {
      if (messageId !== index + 1) throw new Error(`${messageId} stands at place ${index + 1}`);
    });
    await store.close();
    return new Set(entries.flatMap(({ text }) => text ?? []));
  } finally {
    database.close();
  }
}

/**
 * Cuts the power at places of a recording, and looks whether what is then on the disk has every message that was promised before.
 * @param cuts how many places
 */
export async function cutPower(recording: Recording, folder: string, cuts: number): Promise<CutReport> {
  const { before, file, events } = recording;
  const disk = new Disk({ [file]: before });
  const random = new SeededRandom("power cut");
  const promises = events.filter(({ type }) => type === "promise").length;
  // Most of them just after a promise, when nothing else has happened that could have saved it.
  const every = Math.max(1, Math.floor(promises / cuts));
  const promised: string[] = [];
  const examples: string[] = [];
  const figures = { cuts: 0, promised: 0, lost: 0 };
  const image = join(folder, "image.db");
  const at = async (fate: Fate): Promise<void> => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(image + suffix, { force: true });
    for (const [path, bytes] of disk.afterCut(fate, random)) {
      if (path.startsWith(file) && !path.endsWith("-shm"))
        writeFileSync(image + path.slice(file.length), bytes);
    }
    figures.cuts++;
    figures.promised += promised.length;
    let found: ReadonlySet<string> = new Set();
    let problem = existsSync(image) ? "" : "no file";
    try {
      found = await textsIn(image);
    } catch (error) {
      problem = String(error);
    }
    const gone = promised.filter((text) => !found.has(text));
    figures.lost += gone.length;
    if (gone.length === 0 || examples.length >= 5) return;
    const first = gone[0]!.split(" ", 1)[0];
    examples.push(
      `${gone.length} of ${promised.length} promised messages, ${first} first, with ${fate} of the unsynced writes ${problem}`,
    );
  };
  for (const event of events) {
    disk.apply(event);
    if (event.type === "promise") {
      promised.push(event.text);
      if (promised.length % every === 0) for (const fate of FATES) await at(fate);
    } else if (promised.length > 0 && event.type !== "sync" && random.chance(cuts / events.length)) {
      await at(random.pick(FATES)!);
    }
  }
  return { ...figures, examples };
}
