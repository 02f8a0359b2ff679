import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { runCommand } from "./run-command.js";

/** One version of Node, and what commands have to know to run under it. */
export interface NodeVersion {
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
}

/** This very Node. */
export function thisNode(): NodeVersion {
  return { version: process.versions.node, env: process.env };
}

/** What better-sqlite3 was compiled to here, for this very Node. */
export function thisAddon(): string {
  const folder = dirname(createRequire(import.meta.url).resolve("better-sqlite3/package.json"));
  return join(folder, "build", "Release", "better_sqlite3.node");
}

/** What the npm package `node` installs on this machine. */
function nodePackage(): string {
  const { platform, arch } = process;
  const name = platform === "darwin" && arch === "arm64" ? "node-bin" : "node";
  return [name, platform === "win32" ? "win" : platform, arch].join("-");
}

/** The newest Node of a major version, from npm. */
export async function nodeVersion(major: number): Promise<NodeVersion> {
  if (major === Number(process.versions.node.split(".")[0])) return thisNode();
  const tell = "console.log(process.version + ' ' + process.execPath)";
  const args = [
    "exec",
    "--yes",
    "--loglevel=error",
    `--package=${nodePackage()}@${major}`,
    "--",
    "node",
    "-e",
    tell,
  ];
  const printed = (await runCommand("npm", args, { cwd: tmpdir() })).trim().split("\n").at(-1)!;
  const [version, execPath] = printed.split(" ") as [string, string];
  const env = {
    ...process.env,
    PATH: dirname(execPath) + delimiter + process.env["PATH"],
  };
  return { version: version.slice(1), env };
}
