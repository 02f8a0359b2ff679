import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T; allowNegative: true }>>["values"];

/** What was typed behind a command of the project. */
export interface CommandLine<T extends Options> {
  readonly values: Values<T>;
  /** What is no option. */
  readonly words: readonly string[];
  /** Says what is wrong with it and how the command is used, and ends the process. */
  refuse(sentence: string): never;
}

/**
 * Reads the command line. Where it asks for help, or can't be read, the process ends with the usage.
 * @param known words that may be typed beside options
 */
export function readCommandLine<T extends Options>(
  usage: string,
  options: T,
  known: readonly string[] = [],
): CommandLine<T> {
  const refuse = (sentence: string): never => {
    console.error(`${sentence}\n\n${usage}`);
    process.exit(2);
  };
  // `pnpm fuzz -- --seed 3` hands the dashes on.
  const args = process.argv.slice(2).filter((argument) => argument !== "--");
  if (args.includes("--help") || args.includes("-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, allowNegative: true });
    const unknown = positionals.find((word) => !known.includes(word));
    if (unknown !== undefined) return refuse(`Nothing here is named "${unknown}".`);
    return { values, words: positionals, refuse };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
