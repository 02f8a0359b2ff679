import { existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "./run-command.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const requireHere = createRequire(import.meta.url);
/** What was compiled once for a version is kept here. */
const cache = join(root, "node_modules", ".matrix");

/** One version of Node, and what commands have to know to run under it. */
export interface NodeVersion {
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** better-sqlite3, compiled for it. */
  readonly addon: string;
}

/** This very Node. */
export function thisNode(): NodeVersion {
  const folder = dirname(requireHere.resolve("better-sqlite3/package.json"));
  return { version: process.versions.node, env: process.env, addon: addonIn(folder) };
}

/** What the npm package `node` installs on this machine; by itself it keeps the headers that come with it. */
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
    // Its headers come with it, so that an add-on can be compiled without fetching them.
    npm_config_nodedir: dirname(dirname(execPath)),
  };
  return { version: version.slice(1), env, addon: await compiled(version, env) };
}

/** better-sqlite3 for a version: compiled once, since that takes a minute or two, and kept. */
async function compiled(version: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { version: wanted } = requireHere("better-sqlite3/package.json") as { version: string };
  const kept = join(cache, `better-sqlite3-${wanted}-node-${version}`);
  if (!existsSync(kept)) {
    const folder = mkdtempSync(join(tmpdir(), "chat-addon-"));
    await runCommand("npm", ["install", "--prefix", folder, `better-sqlite3@${wanted}`], {
      cwd: folder,
      env,
    });
    mkdirSync(cache, { recursive: true });
    renameSync(folder, kept);
  }
  return addonIn(join(kept, "node_modules", "better-sqlite3"));
}

function addonIn(folder: string): string {
  return join(folder, "build", "Release", "better_sqlite3.node");
}
