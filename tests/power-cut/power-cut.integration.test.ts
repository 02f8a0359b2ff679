import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SeededRandom } from "../replay/seeded-random.js";
import { type CutReport, cutPower } from "./cut-power.js";
import { Disk } from "./disk.js";
import { parseTrace } from "./parse-trace.js";
import { canTrace, type Plant, recordTrace } from "./record-trace.js";

const MESSAGES = 160;
const CUTS = 24;

describe("a disk whose power is cut", () => {
  const write = (offset: number, text: string) =>
    ({ type: "write", path: "file", offset, bytes: Buffer.from(text) }) as const;

  it("keeps what was synced, and the rest only by luck", () => {
    const disk = new Disk({ file: Buffer.from("....") });
    disk.apply(write(0, "ab"));
    disk.apply({ type: "sync", path: "file" });
    disk.apply(write(2, "cdef"));
    disk.apply({ type: "truncate", path: "file", length: 5 });
    const random = new SeededRandom(1);
    expect(disk.afterCut("none", random).get("file")?.toString()).toBe("ab..");
    expect(disk.afterCut("all", random).get("file")?.toString()).toBe("abcde");
  });

  it("has no file that was never synced", () => {
    const disk = new Disk({});
    disk.apply(write(0, "ab"));
    expect([...disk.afterCut("none", new SeededRandom(1))]).toEqual([]);
  });
});

describe("a trace", () => {
  it("is read in the order in which calls returned, over threads", () => {
    const trace = [
      String.raw`7 pwrite64(20</data/chat.db-wal>, "\x61\x62", 2, 32 <unfinished ...>`,
      String.raw`8 write(2</dev/pts/0>, "\x6f\x6b\x20\x68\x69\x0a", 6) = 6`,
      `7 <... pwrite64 resumed>)           = 2`,
      `7 fdatasync(20</data/chat.db-wal>)  = 0`,
      `7 fdatasync(20</data/chat.db-wal>)  = -1 EIO (Input/output error)`,
    ].join("\n");
    expect(parseTrace(trace, "ok ")).toEqual([
      { type: "promise", text: "hi" },
      { type: "write", path: "/data/chat.db-wal", offset: 32, bytes: Buffer.from("ab") },
      { type: "sync", path: "/data/chat.db-wal" },
    ]);
  });
});

describe.skipIf(!canTrace())("a power cut (needs strace)", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "power-cut-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function report(plant: Plant): Promise<CutReport> {
    return cutPower(await recordTrace(folder, plant, MESSAGES), folder, CUTS);
  }

  it("takes no acknowledged message with it", { timeout: 120_000 }, async () => {
    const { promised, cuts, lost, examples } = await report("none");
    expect(examples).toEqual([]);
    expect(lost).toBe(0);
    expect(cuts).toBeGreaterThan(CUTS * 4);
    expect(promised).toBeGreaterThan(MESSAGES * CUTS);
  });

  it.each(["normal", "off", "early"] as const)(
    "is seen to take some with it where a fault is planted: %s",
    { timeout: 120_000 },
    async (plant) => {
      expect((await report(plant)).lost).toBeGreaterThan(0);
    },
  );
});
