import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./bundle-sources.js";

/** True where git knows the commit: not in a shallow clone, nor in a copy of the files. */
export function knowsCommit(commit: string): boolean {
  try {
    execFileSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: root, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * Bundles client and server as they were at a commit, from their sources.
 * @returns the path of a module that exports `createChatClient`, `createChatServer` and `sqlite`; it is removed when this process ends
 */
export async function bundleOlder(commit: string): Promise<string> {
  // Below node_modules, where what they depend on is found.
  const folder = join(root, "node_modules", ".cache", "older", `${commit}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const archive = execFileSync("git", ["archive", commit, "packages", "tsconfig.base.json"], {
    cwd: root,
    maxBuffer: 256 * 1_048_576,
  });
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  const { compilerOptions } = JSON.parse(readFileSync(join(folder, "tsconfig.base.json"), "utf8")) as {
    compilerOptions: { paths: Record<string, [string]> };
  };
  const outfile = join(folder, "older.mjs");
  await build({
    stdin: {
      contents: `export { createChatClient } from "@chat/client";
export { createChatServer } from "@chat/server";
export { sqlite } from "@chat/server/sqlite";`,
      resolveDir: folder,
    },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["better-sqlite3"],
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    alias: Object.fromEntries(
      Object.entries(compilerOptions.paths).map(([alias, [source]]) => [alias, join(folder, source)]),
    ),
    // What the packages depended on is looked for where it is installed now.
    nodePaths: ["client", "server"]
      .map((name) => join(root, "packages", name, "node_modules"))
      .filter((path) => existsSync(path)),
    logLevel: "error",
  });
  return outfile;
}
