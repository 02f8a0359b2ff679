import { writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formatReport } from "./format-report.js";
import { type Options, parseOptions, USAGE } from "./parse-options.js";
import { readLogs } from "./read-logs.js";
import { replay } from "./replay.js";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");

/** What does not happen within two minutes on a machine under load does not happen. */
const DEADLINE_MS = 120_000;
/** The excerpts are short: they are disturbed more often. */
const EXCERPT = { cutRate: 0.1, kills: 1 };

/** @returns the exit code */
async function run(options: Options): Promise<number> {
  const logs = options.excerpt
    ? readLogs(resolve(here, "excerpt"), options.logs)
    : readLogs(resolve(root, options.data), options.logs);
  const kills = options.kills ?? (options.excerpt ? EXCERPT.kills : Math.ceil(logs.length / 5));
  const cutRate = options.cutRate ?? (options.excerpt ? EXCERPT.cutRate : 0.05);
  const ended = new AbortController();
  const end = (): void => ended.abort(new Error("Ended by the user."));
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  console.log(`Playing ${logs.length} logs, seed ${options.seed}, ${options.concurrency} at a time.`);
  const { reports, total, serverErrors } = await replay({
    ...options,
    logs,
    kills,
    cutRate,
    deadline: DEADLINE_MS,
    traces: options.trace,
    print: (line) => console.log(line),
    isTerminal: process.stdout.isTTY,
    signal: ended.signal,
  });
  for (const { name, examples } of reports) {
    for (const example of examples) console.log(`${name}: ${example}`);
  }
  for (const [line, count] of serverErrors) console.log(`server, ${count} times: ${line}`);
  console.log(`\n${formatReport(reports, total)}`);
  if (options.json !== undefined) {
    const { seed, concurrency } = options;
    const report = {
      seed,
      concurrency,
      total,
      logs: reports,
      serverErrors: Object.fromEntries(serverErrors),
    };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  return total.mismatches === 0 && serverErrors.size === 0 ? 0 : 1;
}

try {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.help) console.log(USAGE);
  // Clients of an ended replay may still wait for something.
  process.exit(options.help ? 0 : await run(options));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
