import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LogFile } from "./replay.js";

const LOG_FILE = /^\d{4}-\d{2}-\d{2}.*\.txt$/;

/** Where to get what is missing. */
const SOURCE = `Get it from the repository https://github.com/jkkummerfeld/irc-disentanglement
(J. K. Kummerfeld et al., "A Large-Scale Corpus for Conversation Disentanglement", ACL 2019; licence CC BY 4.0):
the files data/*/*.raw.txt or *.ascii.txt of some days, one log each, named like 2004-11-15_03.txt.
Then say where they are: pnpm replay --data DIR, or REPLAY_DATA=DIR. An excerpt is here: pnpm replay --excerpt`;

/**
 * Reads the logs of a folder, in the order of their names.
 * @throws Error that says where to get the logs, if there are none
 */
export function readLogs(directory: string, which: number | readonly string[] | undefined): LogFile[] {
  let files: string[];
  try {
    files = readdirSync(directory)
      .filter((file) => LOG_FILE.test(file))
      .sort();
  } catch {
    throw new Error(`There is no folder ${directory}.\n${SOURCE}`);
  }
  if (files.length === 0) throw new Error(`There are no logs in ${directory}.\n${SOURCE}`);
  if (typeof which === "number") files = files.slice(0, which);
  else if (which !== undefined) {
    for (const name of which) {
      if (!files.some((file) => file.startsWith(name)))
        throw new Error(`No log in ${directory} begins with "${name}".`);
    }
    files = files.filter((file) => which.some((name) => file.startsWith(name)));
  }
  return files.map((file) => ({
    name: file.replace(/\.txt$/, ""),
    content: readFileSync(join(directory, file), "utf8"),
  }));
}
