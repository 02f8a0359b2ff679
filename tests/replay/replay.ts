import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectedNames } from "./expected-names.js";
import { KillSchedule } from "./kill-schedule.js";
import { type LogReport, totalReport } from "./log-report.js";
import { createLogScript } from "./log-script.js";
import { parseLog } from "./parse-log.js";
import { Player, type PlayerSettings } from "./player.js";
import { Progress } from "./progress.js";
import { ServerProcess } from "./server-process.js";

/** A log to be played. */
export interface LogFile {
  readonly name: string;
  readonly content: string;
}

export interface ReplayOptions extends Omit<PlayerSettings, "names"> {
  readonly logs: readonly LogFile[];
  /** Processes that the clients share. */
  readonly players: number;
  /** Logs that are played side by side, in all threads together. */
  readonly concurrency: number;
  readonly kills: number;
  readonly print: (line: string) => void;
  readonly isTerminal: boolean;
  /** Ends everything that was started, at once. */
  readonly signal?: AbortSignal;
}

/** What became of a replay. */
export interface ReplayResult {
  readonly reports: readonly LogReport[];
  readonly total: LogReport;
  /** What the server's log said is wrong, each with how often. */
  readonly serverErrors: ReadonlyMap<string, number>;
}

/**
 * Plays logs through real clients against a real server process, behind proxies that cut, and compares.
 * @throws Error when the server can't be started or ends by itself, or when the signal fires
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const { seed, cutRate, deadline, traces, kills } = options;
  const scripts = options.logs.map(({ name, content }) => {
    const lines = parseLog(content);
    return { script: createLogScript(name, lines), lines: lines.length };
  });
  const allSteps = scripts.reduce((total, { script }) => total + script.steps.length, 0);
  const settings = {
    seed,
    cutRate,
    deadline,
    traces,
    names: expectedNames(scripts.map(({ script }) => script)),
  };
  const directory = mkdtempSync(join(tmpdir(), "chat-replay-"));
  const started = performance.now();
  const serverErrors = new Map<string, number>();
  const reports: LogReport[] = [];
  const players: Player[] = [];
  const figures = { steps: 0, devices: 0, cuts: 0 };

  let fail = (_: unknown): void => {};
  const failed = new Promise<never>((_, reject) => {
    fail = (error) => reject(error instanceof Error ? error : new Error(String(error)));
  });
  failed.catch(() => {});
  options.signal?.addEventListener("abort", () => fail(options.signal?.reason));

  const server = new ServerProcess(
    join(directory, "chat.db"),
    (line, level) => {
      if (level === "error") serverErrors.set(line, (serverErrors.get(line) ?? 0) + 1);
    },
    (reason) => fail(reason),
  );
  const tellServer = (): void => players.forEach((player) => player.server(server.port));
  const schedule = new KillSchedule(server, { seed, steps: allSteps, kills }, tellServer, (error) =>
    fail(error),
  );
  const cleanUpNow = (): void => {
    for (const player of players) player.end();
    server.killNow();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once("exit", cleanUpNow);
  const progress = new Progress(
    () => ({ ...figures, allSteps, logs: reports.length, allLogs: scripts.length, kills: schedule.kills }),
    options.print,
    options.isTerminal,
  );

  function newPlayer(): Player {
    return new Player({
      onStep() {
        figures.steps++;
        schedule.step();
      },
      onCut: () => figures.cuts++,
      onDevice: (change) => (figures.devices += change),
      onFailure: fail,
    });
  }

  async function playAll(): Promise<void> {
    await server.start();
    tellServer();
    // Whoever is done with a log takes the next; the largest first, so that none of them is left over at the end.
    const waiting = [...scripts].sort((a, b) => b.script.accounts.length - a.script.accounts.length).values();
    const lane = async (player: Player): Promise<void> => {
      for (const { script, lines } of waiting) {
        const before = schedule.kills;
        const report = {
          ...(await player.play({ ...settings, script, lines })),
          kills: schedule.kills - before,
        };
        reports.push(report);
        const { name, entries, devices, mismatches, seconds } = report;
        progress.note(
          `        ${name}: ${entries} entries on ${devices} devices, ${mismatches} mismatches, ${seconds.toFixed(1)} s`,
        );
      }
    };
    await Promise.all(
      Array.from({ length: options.concurrency }, (_, index) => lane(players[index % players.length]!)),
    );
    await schedule.over();
    await server.stop();
  }

  try {
    for (let count = 0; count < options.players; count++) players.push(newPlayer());
    await Promise.race([playAll(), failed]);
    const names = options.logs.map(({ name }) => name);
    reports.sort((one, other) => names.indexOf(one.name) - names.indexOf(other.name));
    const seconds = (performance.now() - started) / 1000;
    return { reports, total: totalReport(reports, { kills: schedule.kills, seconds }), serverErrors };
  } finally {
    progress.stop();
    cleanUpNow();
    process.off("exit", cleanUpNow);
  }
}
