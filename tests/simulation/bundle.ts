import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { bundleSources, root } from "../bundle/bundle-sources.js";

/** A source that is changed while it is bundled; the file on disk stays as it is. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Smaller limits than in production, so that few messages make many pages. */
const SMALL_LIMITS: readonly Patch[] = [
  { file: "packages/protocol/src/limits.ts", find: "pageRows: 200,", replace: "pageRows: 3," },
  { file: "packages/protocol/src/limits.ts", find: "rangeEntries: 200,", replace: "rangeEntries: 12," },
  {
    file: "packages/server/src/store/dynamodb/dynamo-db-log.ts",
    find: "const DRAFTS_AT_ONCE = 49;",
    replace: "const DRAFTS_AT_ONCE = 5;",
  },
  // The world sets it.
  {
    file: "packages/client/src/sync/replicas.ts",
    find: "CLIENT_LIMITS.comparedConversations",
    replace: "(globalThis as { comparedConversations?: number }).comparedConversations!",
  },
];

/** Applies patches to a source. Each must fit exactly once, or else it tests nothing any more. */
function patched(file: string, source: string, patches: readonly Patch[]): string {
  return patches.reduce((text, { find, replace }) => {
    const parts = text.split(find);
    if (parts.length !== 2) throw new Error(`${file}: ${parts.length - 1} places for the patch of ${find}`);
    return parts.join(replace);
  }, source);
}

/**
 * Bundles the simulation with client, server and protocol from their sources.
 * @returns the bundle's path
 */
export async function bundle(name: string, mutation: readonly Patch[] = []): Promise<string> {
  const patches = [...SMALL_LIMITS, ...mutation];
  const used = new Set<Patch>();
  const file = await bundleSources(join(root, "tests/simulation/worker.ts"), `simulation-${name}`, [
    {
      name: "patches",
      setup({ onLoad }) {
        onLoad({ filter: /packages\/.*\.ts$/ }, ({ path }) => {
          const source = relative(root, path);
          const own = patches.filter((patch) => patch.file === source);
          if (own.length === 0) return undefined;
          for (const patch of own) used.add(patch);
          return { contents: patched(source, readFileSync(path, "utf8"), own), loader: "ts" };
        });
      },
    },
  ]);
  const unused = patches.find((patch) => !used.has(patch));
  if (unused !== undefined) throw new Error(`${unused.file} is no part of what is simulated`);
  return file;
}
