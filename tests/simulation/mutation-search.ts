import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";
import { type Mutation, MUTATIONS } from "./mutations.js";
import type { SeedResult } from "./run-seed.js";
import { SeedRunner } from "./seed-runner.js";

/** How a planted bug was found. */
export interface Kill {
  readonly mutation: string;
  readonly seed: number;
  readonly steps: number;
  /** The promise that it broke. */
  readonly invariant: string;
}

const file = fileURLToPath(new URL("kills.json", import.meta.url));

/** The committed table. */
export function readKills(): readonly Kill[] {
  return JSON.parse(readFileSync(file, "utf8")) as Kill[];
}

/** Seeds that are tried when the known one does not find a planted bug any more: every change of the code moves them. */
const OTHERS = Array.from({ length: 10 }, (_, index) => index + 1);

/** Plays the known seed of a planted bug, and a few others if need be; what broke, or undefined if nothing did. */
export async function replayKill({ seed, steps }: Kill, mutation: Mutation): Promise<SeedResult["failure"]> {
  const runner = new SeedRunner(await bundle(`mutation-${MUTATIONS.indexOf(mutation)}`, mutation.patches));
  try {
    for (const tried of [seed, ...OTHERS]) {
      const { failure } = await runner.run({ seed: tried, steps, lines: 20 });
      if (failure !== undefined) return failure;
    }
    return undefined;
  } finally {
    await runner.close();
  }
}

/** The first seed that finds a planted bug, and finds nothing without it; undefined if none of them does. */
async function findKill(
  mutation: Mutation,
  healthy: SeedRunner,
  seeds: readonly number[],
  steps: number,
): Promise<Kill | undefined> {
  const runner = new SeedRunner(await bundle(`mutation-${MUTATIONS.indexOf(mutation)}`, mutation.patches));
  try {
    for (const seed of seeds) {
      const { failure } = await runner.run({ seed, steps, lines: 1 });
      if (failure === undefined) continue;
      if ((await healthy.run({ seed, steps, lines: 1 })).failure !== undefined) continue;
      return { mutation: mutation.name, seed, steps, invariant: failure.invariant };
    }
    return undefined;
  } finally {
    await runner.close();
  }
}

/** Looks for a killing seed of each mutation and writes the table. Gives the exit code: 1 if one survived. */
export async function searchMutations(options: {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly only: string | undefined;
}): Promise<number> {
  const { seed, seeds, steps, only } = options;
  const wanted = MUTATIONS.filter(({ name }) => only === undefined || name.includes(only));
  const kills = new Map(readKills().map((kill) => [kill.mutation, kill]));
  const survivors: string[] = [];
  const queue = [...wanted];
  const healthy = await bundle("healthy");
  const tried = Array.from({ length: seeds }, (_, index) => seed + index);
  const work = async (): Promise<void> => {
    const reference = new SeedRunner(healthy);
    for (let mutation = queue.shift(); mutation !== undefined; mutation = queue.shift()) {
      const began = performance.now();
      // The seed that found it the last time comes first.
      const known = kills.get(mutation.name)?.seed;
      const order = known === undefined ? tried : [known, ...tried];
      const kill = await findKill(mutation, reference, order, steps);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (kill === undefined) survivors.push(mutation.name);
      if (kill === undefined) kills.delete(mutation.name);
      else kills.set(mutation.name, kill);
      const how = kill === undefined ? `survived ${seeds} seeds` : `seed ${kill.seed}: ${kill.invariant}`;
      console.log(`${mutation.name}: ${how} (${seconds} s)`);
    }
    await reference.close();
  };
  await Promise.all([work(), work()]);
  const known = MUTATIONS.flatMap(({ name }) => kills.get(name) ?? []);
  writeFileSync(file, `${JSON.stringify(known, null, 2)}\n`);
  console.log(`${wanted.length - survivors.length} of ${wanted.length} planted bugs found`);
  return survivors.length > 0 ? 1 : 0;
}
