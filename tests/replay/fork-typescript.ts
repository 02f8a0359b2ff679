import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** Runs a TypeScript file in a process of its own, which has to end when it is disconnected. */
export function forkTypeScript(
  file: URL,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
): ChildProcess {
  return fork(fileURLToPath(file), args, {
    // tsx finds the paths of the packages' sources in the tsconfig.json there.
    cwd: root,
    execArgv: [...execArgv, "--import", tsx],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}
