import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { readLogs } from "./read-logs.js";
import { replay, type ReplayOptions } from "./replay.js";

const options: ReplayOptions = {
  logs: readLogs(fileURLToPath(new URL("excerpt", import.meta.url)), undefined),
  seed: 7,
  cutRate: 0.1,
  deadline: 30_000,
  traces: true,
  players: 1,
  concurrency: 2,
  kills: 1,
  print: () => {},
  isTerminal: false,
};

test(
  "what devices hold of the excerpts is what was said, over cuts and a kill",
  { timeout: 120_000 },
  async () => {
    const { reports, total, serverErrors } = await replay(options);
    expect(reports.flatMap(({ examples }) => examples)).toEqual([]);
    expect([...serverErrors]).toEqual([]);
    expect(total).toMatchObject({ mismatches: 0, kills: 1, entries: 405 });
    expect(total.cuts).toBeGreaterThan(10);
    expect(total.reconnects).toBeGreaterThan(10);
    expect(total.compared).toBeGreaterThan(10_000);
  },
);

test("leaves nothing behind when it is ended in the middle", { timeout: 120_000 }, async () => {
  // Its own, because other replays may run beside it.
  const folder = mkdtempSync(join(tmpdir(), "chat-replays-"));
  vi.stubEnv("TMPDIR", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error("enough"));
  // It tells of the first log that is done, while the other is being played.
  await expect(replay({ ...options, print: end, signal: ended.signal })).rejects.toThrow("enough");
  expect(readdirSync(folder).filter((name) => name.startsWith("chat-"))).toEqual([]);
});
