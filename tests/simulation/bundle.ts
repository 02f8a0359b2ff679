import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A source that is changed while it is bundled; the file on disk stays as it is. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Smaller pages than in production, so that few messages make many. */
const SMALL_PAGES: readonly Patch[] = [
  { file: "packages/protocol/src/limits.ts", find: "pageRows: 200,", replace: "pageRows: 3," },
  { file: "packages/protocol/src/limits.ts", find: "rangeEntries: 200,", replace: "rangeEntries: 12," },
];

/** Bundles of this process, which go with it. */
const written = new Set<string>();

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));

/** Applies patches to a source. Each must fit exactly once, or else it tests nothing any more. */
function patched(file: string, source: string, patches: readonly Patch[]): string {
  return patches.reduce((text, { find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${file}: ${parts.length - 1} places for the patch of ${find}`);
    return parts.join(replace);
  }, source);
}

/**
 * Bundles the simulation with client, server and protocol from their sources, so that a worker runs it without loaders.
 * @returns the bundle's path
 */
export async function bundle(name: string, mutation: readonly Patch[] = []): Promise<string> {
  const patches = [...SMALL_PAGES, ...mutation];
  const folder = join(root, "node_modules", ".cache", "simulation");
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${name}-${process.pid}.mjs`);
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.base.json"), "utf8")) as {
    compilerOptions: { paths: Record<string, [string]> };
  };
  const used = new Set<Patch>();
  await build({
    entryPoints: [join(here, "worker.ts")],
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
      Object.entries(compilerOptions.paths).map(([alias, [source]]) => [alias, join(root, source)]),
    ),
    logLevel: "error",
    plugins: [
      {
        name: "patches",
        setup({ onLoad }) {
          onLoad({ filter: /packages\/.*\.ts$/ }, ({ path }) => {
            const file = relative(root, path);
            const own = patches.filter((patch) => patch.file === file);
            if (own.length === 0) return undefined;
            for (const patch of own) used.add(patch);
            return { contents: patched(file, readFileSync(path, "utf8"), own), loader: "ts" };
          });
        },
      },
    ],
  });
  if (written.size === 0)
    process.once("exit", () => written.forEach((path) => rmSync(path, { force: true })));
  written.add(outfile);
  const unused = patches.find((patch) => !used.has(patch));
  if (unused !== undefined) throw new Error(`${unused.file} is no part of what is simulated`);
  return outfile;
}
