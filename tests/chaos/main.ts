import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleSources, root } from "../bundle/bundle-sources.js";
import { readCommandLine } from "../read-command-line.js";
import type { Backend } from "./backends/backend.js";
import { dynamodbSnsSqs, mysqlRabbitmq, postgresNats, postgresRedis } from "./backends/backends.js";
import { sqliteBackend, sqliteOnSmallDisk } from "./backends/sqlite.js";
import type { Fault } from "./havoc.js";
import { countBreaches } from "./judge-history.js";
import { burst, reconnectStorm } from "./storm.js";
import { playRound, type RoundOptions, type RoundResult } from "./round.js";

const MEGABYTE = 1_048_576;
/** Beside what is asked for: it is written until the disk was full often enough. */
const SMALL_DISK = 256 * MEGABYTE;
/** A round's share of all messages. */
const ROUNDS: Readonly<
  Record<
    string,
    {
      readonly share: number;
      readonly backend: Backend;
      readonly servers: number;
      readonly faults: readonly Fault[];
      /** It goes on until that was done so often, whatever was acknowledged by then. */
      readonly least: readonly [fault: Fault, times: number];
      readonly changesMembers: boolean;
    }
  >
> = {
  one: {
    share: 0.45,
    backend: sqliteBackend,
    servers: 1,
    faults: ["kill", "still", "full"],
    least: ["kill", 12],
    changesMembers: true,
  },
  two: {
    share: 0.35,
    backend: sqliteBackend,
    servers: 2,
    faults: ["kill", "still", "full"],
    least: ["kill", 12],
    changesMembers: true,
  },
  rewound: {
    share: 0.1,
    backend: sqliteBackend,
    servers: 2,
    faults: ["rewind"],
    least: ["rewind", 5],
    changesMembers: false,
  },
  "small-disk": {
    share: 0.1,
    backend: sqliteOnSmallDisk(MEGABYTE),
    servers: 1,
    faults: ["kill", "disk"],
    least: ["disk", 5],
    changesMembers: true,
  },
  ...Object.fromEntries(
    [postgresRedis, postgresNats, mysqlRabbitmq, dynamodbSnsSqs].map((backend) => [
      backend.name,
      {
        share: 0.35,
        backend,
        servers: 3,
        faults: ["kill", "still", "database", "broker", "network"],
        least: ["database", 4],
        changesMembers: true,
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ "postgres-rewound": postgresRedis, "mysql-rewound": mysqlRabbitmq }).map(
      ([name, backend]) => [
        name,
        { share: 0.1, backend, servers: 3, faults: ["rewind"], least: ["rewind", 3], changesMembers: false },
      ],
    ),
  ),
};

const USAGE = `pnpm chaos [--messages 100000] [--seed 1] [--rounds one,two,…] [--patient] [--keep]

Real server processes on a real store, real clients behind a proxy that cuts and slows; servers are killed every 1 to 5 s.
  --messages  acknowledged messages over all rounds
  --seed      decides what is done when; which message it meets is up to the machine
  --rounds    which worlds; all of them by default: ${Object.keys(ROUNDS).join(", ")}.
              one server; two on one SQLite file; a store that is put back; a file system that runs full; three servers on a
              database and a broker, which crash, too, and are cut off; postgres-rewound, mysql-rewound: a database that is put back
  --patient   what took longer than its bound is told and fails nothing: for a machine that does other things, too
  --keep      leaves histories and stores where they are, and says where

pnpm chaos storm [--clients 5000] [--burst 10000] [--stall 60]

Clients that all lose their server at the same moment; a burst into one conversation of 100 devices, beside consumers
that read nothing for so many seconds.`;

const OPTIONS = {
  messages: { type: "string", default: "100000" },
  seed: { type: "string", default: "1" },
  rounds: { type: "string", default: Object.keys(ROUNDS).join(",") },
  keep: { type: "boolean", default: false },
  patient: { type: "boolean", default: false },
  clients: { type: "string", default: "5000" },
  burst: { type: "string", default: "10000" },
  stall: { type: "string", default: "60" },
} as const;
const { values, words, refuse } = readCommandLine(USAGE, OPTIONS, ["storm"]);
const [messages, seed] = [Number(values.messages), Number(values.seed)];
const names = values.rounds.split(",");
const [clients, burstMessages, stall] = [values.clients, values.burst, values.stall].map(Number) as [
  number,
  number,
  number,
];
const unknownRound = names.find((name) => !(name in ROUNDS));
if (unknownRound !== undefined) refuse(`There is no round named "${unknownRound}".`);
if (
  ![messages, clients, burstMessages, stall].every((number) => number >= 1) ||
  !Number.isSafeInteger(seed)
) {
  refuse("--seed takes a whole number, the others take one from 1 on.");
}

/** Puts a small file system there; false where that is not allowed. */
function mountSmallDisk(folder: string, bytes: number): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function tell({ name, result }: { readonly name: string; readonly result: RoundResult }): void {
  const { acknowledged, entries, told, screens, kills, stops, cuts, refused, unknown } = result;
  for (const line of [...result.unrest, ...result.examples]) console.log(`${name}: ${line}`);
  const faults = Object.entries(result.faults).map(([fault, count]) => `${count} × ${fault}`);
  const logs = [...result.logs].map(([line, count]) => `${count} × ${line}`);
  console.log(
    `${name}: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown; ${entries} entries, told ${told} times, ` +
      `${screens} screens; ${kills} kills, ${stops} stops, ${cuts} cuts; store lost ${result.lostByStore} entries, ` +
      `${result.moved} stand elsewhere now; longest outage of a device ${seconds(result.longestOutage)}; ` +
      `peak ${Math.round(result.peakMemory / MEGABYTE)} MB; ${Math.round(result.seconds)} s\n` +
      `${name}: ${faults.join(", ")}\n${name}: servers said ${logs.join(", ") || "nothing"}`,
  );
}

async function bundles(): Promise<RoundOptions["bundles"]> {
  return {
    server: await bundleSources(join(root, "tests/chaos/server-child.ts"), "chaos-server"),
    player: await bundleSources(join(root, "tests/chaos/player-child.ts"), "chaos-player"),
  };
}

async function play(): Promise<number> {
  const began = performance.now();
  const programs = await bundles();
  const base = mkdtempSync(join(tmpdir(), "chaos-"));
  const results: { readonly name: string; readonly result: RoundResult }[] = [];
  const skipped: string[] = [];
  const shares = names.reduce((sum, name) => sum + ROUNDS[name]!.share, 0);
  for (const name of names) {
    const { share, backend, servers, faults, least, changesMembers } = ROUNDS[name]!;
    const wanted = Math.ceil((messages * share) / shares);
    const folder = join(base, name);
    mkdirSync(folder);
    // Histories lie elsewhere: they are to be whole whatever happens to the disk.
    const storeFolder = join(folder, "store");
    mkdirSync(storeFolder);
    const bytes = SMALL_DISK + wanted * 4_096;
    const isMounted = name === "small-disk" && mountSmallDisk(storeFolder, bytes);
    if (name === "small-disk" && !isMounted) {
      skipped.push("small-disk (no file system may be mounted here)");
      continue;
    }
    if ((await backend.canStart?.()) === false) {
      skipped.push(`${name} (its engines can't be started here)`);
      continue;
    }
    try {
      const result = await playRound({
        name,
        backend,
        folder,
        storeFolder,
        bundles: programs,
        seed,
        servers,
        messages: wanted,
        faults: new Set(faults),
        least,
        changesMembers,
        print: (line) => console.log(line),
      });
      results.push({ name, result });
      tell({ name, result });
    } finally {
      if (isMounted && !values.keep) execFileSync("umount", ["--lazy", storeFolder]);
    }
  }
  const sum = (of: (result: RoundResult) => number): number =>
    results.reduce((total, { result }) => total + of(result), 0);
  const most = (of: (result: RoundResult) => number): number =>
    results.reduce((longest, { result }) => Math.max(longest, of(result)), 0);
  const excused = values.patient ? sum(({ breaches }) => breaches.late) : 0;
  const failures = sum((result) => countBreaches(result) + result.unrest.length) - excused;
  if (failures === 0 && !values.keep) rmSync(base, { recursive: true, force: true });
  else console.log(`Histories and stores: ${base}`);
  if (skipped.length > 0) console.log(`Skipped: ${skipped.join(", ")}`);
  console.log(
    `${sum(({ acknowledged }) => acknowledged)} acknowledged, ${sum(({ breaches }) => breaches.lost)} lost, ` +
      `${sum(({ breaches }) => breaches.doubled)} doubled, ${sum(({ breaches }) => breaches.misordered)} misordered, ` +
      `${sum(({ breaches }) => breaches.outsideInterval)} outside an interval, ` +
      `${sum(({ breaches }) => breaches.altered)} altered, ${sum(({ breaches }) => breaches.late)} late, ` +
      `${sum(({ unrest }) => unrest.length)} restless; ${sum(({ kills }) => kills)} kills, ` +
      `longest recovery ${seconds(most(({ longestRecovery }) => longestRecovery))}, ` +
      `repair of a lost tail ${seconds(most(({ longestTailRepair }) => longestTailRepair))}, ` +
      `convergence ${seconds(most(({ longestConvergence }) => longestConvergence))}; ` +
      `seed ${seed}, ${Math.round((performance.now() - began) / 1_000)} s`,
  );
  return failures === 0 ? 0 : 1;
}

async function storm(): Promise<number> {
  const began = performance.now();
  const failures: string[] = [];
  const programs = await bundles();
  for (const act of [reconnectStorm, burst]) {
    const folder = mkdtempSync(join(tmpdir(), "chaos-storm-"));
    const options = { clients, burst: burstMessages, stall: stall * 1_000, bundles: programs };
    failures.push(
      ...(await act({ ...options, backend: sqliteBackend, folder, print: (line) => console.log(line) })),
    );
    if (!values.keep) rmSync(folder, { recursive: true, force: true });
  }
  for (const failure of failures.slice(0, 20)) console.log(failure);
  console.log(`${failures.length} failures; ${Math.round((performance.now() - began) / 1_000)} s`);
  return failures.length === 0 ? 0 : 1;
}

process.exitCode = words[0] === "storm" ? await storm() : await play();
