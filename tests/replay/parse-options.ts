import { parseArgs } from "node:util";

/** What the command line says. */
export interface Options {
  readonly help: boolean;
  /** Plays the excerpt that lies beside this file instead of the corpus. */
  readonly excerpt: boolean;
  /** Where the corpus lies. */
  readonly data: string;
  /** How many logs, or which; all by default. */
  readonly logs: number | readonly string[] | undefined;
  readonly seed: number;
  readonly concurrency: number;
  readonly players: number;
  /** Undefined: a few, depending on how much is played. */
  readonly kills: number | undefined;
  /** Undefined: depending on how much is played. */
  readonly cutRate: number | undefined;
  /** Tells the last frames of devices on which something did not happen. */
  readonly trace: boolean;
  /** Where to write the report. */
  readonly json: string | undefined;
}

export const USAGE = `Plays real chat logs through real clients against a real server, and compares what every device holds.

  pnpm replay [options]

  --logs N            only the first N logs
  --logs NAME,NAME    only logs whose names begin so
  --excerpt           the two small excerpts that lie in the project
  --data DIR          where the logs are; also REPLAY_DATA; ../shared/data/ubuntu-irc by default
  --seed N            repeats the chances of another run; 1 by default
  --concurrency N     logs that are played side by side; 8 by default
  --players N         processes that the clients share; 2 by default
  --kills N           how often the server is killed and started again; by default once for every 5 logs
  --no-kill           the server lives
  --cuts RATE         connections cut per line of a log; 0.05 by default, 0.1 for the excerpt
  --trace             tells the last frames of devices on which something did not happen
  --json FILE         writes the report there
`;

function numberOf(name: string, value: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= min && number <= max)) {
    throw new Error(`--${name} takes a number from ${min}${max < 1e9 ? ` to ${max}` : ""}, not "${value}".`);
  }
  return number;
}

function integerOf(name: string, value: string, min: number): number {
  const number = numberOf(name, value, min);
  if (!Number.isSafeInteger(number)) throw new Error(`--${name} takes a whole number, not "${value}".`);
  return number;
}

/**
 * Reads the command line.
 * @throws Error with a sentence for the person who typed it
 */
export function parseOptions(argv: readonly string[], environment: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    // `pnpm replay -- --logs 3` hands the dashes on.
    args: argv.filter((argument) => argument !== "--"),
    options: {
      help: { type: "boolean", short: "h", default: false },
      excerpt: { type: "boolean", default: false },
      data: { type: "string", default: environment["REPLAY_DATA"] ?? "../shared/data/ubuntu-irc" },
      logs: { type: "string" },
      seed: { type: "string", default: "1" },
      concurrency: { type: "string", default: "8" },
      players: { type: "string", default: "2" },
      kill: { type: "boolean", default: true },
      kills: { type: "string" },
      cuts: { type: "string" },
      trace: { type: "boolean", default: false },
      json: { type: "string" },
    },
    allowNegative: true,
  });
  const { logs, kills } = values;
  const wanted = logs?.split(",").filter((name) => name !== "");
  return {
    help: values.help,
    excerpt: values.excerpt,
    data: values.data,
    logs: logs !== undefined && /^\d+$/.test(logs) ? integerOf("logs", logs, 1) : wanted,
    seed: integerOf("seed", values.seed, 0),
    concurrency: integerOf("concurrency", values.concurrency, 1),
    players: integerOf("players", values.players, 1),
    kills: values.kill ? (kills === undefined ? undefined : integerOf("kills", kills, 0)) : 0,
    cutRate: values.cuts === undefined ? undefined : numberOf("cuts", values.cuts, 0, 1),
    trace: values.trace,
    json: values.json,
  };
}
