import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EngineProcess, run } from "./engine-process.js";

const program = fileURLToPath(new URL("../../node_modules/fauxqs/dist/cli.js", import.meta.url));

/** fauxqs wants a newer Node than we do; npm has one for every platform. */
async function newerNode(): Promise<string> {
  const { versions, platform, arch, execPath } = process;
  if (Number(versions.node.split(".")[0]) >= 24) return execPath;
  const name = platform === "darwin" && arch === "arm64" ? "node-bin" : "node";
  const node = [name, platform === "win32" ? "win" : platform, arch].join("-");
  const args = [
    "exec",
    "--yes",
    "--loglevel=error",
    `--package=${node}@24`,
    "--",
    "node",
    "-p",
    "process.execPath",
  ];
  const { stdout } = await promisify(execFile)("npm", args, { cwd: tmpdir() });
  return stdout.trim().split("\n").at(-1)!;
}

const node = await newerNode().catch(() => undefined);

/** True if SNS and SQS of one's own can be started. */
export const hasFauxqs = node !== undefined;

/** SNS and SQS of a test's own: fauxqs, which keeps everything in memory. */
export async function startFauxqs(): Promise<EngineProcess> {
  return EngineProcess.create(({ port }) =>
    run(node!, [program], { FAUXQS_PORT: String(port), FAUXQS_LOGGER: "false" }),
  );
}
