import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** What is loaded from where it is installed, like native modules. */
const DRIVERS = ["@aws-sdk/*", "@nats-io/*", "amqplib", "mysql2", "pg", "redis"];

/** Bundles of this process, which go with it. */
const written = new Set<string>();

/**
 * Bundles a program with client, server and protocol from their sources, so that a process or a worker runs it without loaders.
 * @param entry the program's file
 * @param name of the bundle
 * @returns the bundle's path; it is removed when this process ends
 */
export async function bundleSources(
  entry: string,
  name: string,
  plugins: readonly Plugin[] = [],
): Promise<string> {
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.base.json"), "utf8")) as {
    compilerOptions: { paths: Record<string, [string]> };
  };
  // Below node_modules, where a native module is found.
  const outfile = join(root, "node_modules", ".cache", "test-bundles", `${name}-${process.pid}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["better-sqlite3", ...DRIVERS],
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
    },
    alias: Object.fromEntries(
      Object.entries(compilerOptions.paths).map(([alias, [source]]) => [alias, join(root, source)]),
    ),
    logLevel: "error",
    plugins: [...plugins],
  });
  if (written.size === 0) {
    process.once("exit", () => written.forEach((path) => rmSync(path, { force: true })));
  }
  written.add(outfile);
  return outfile;
}
