import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";
import { type Mutation, MUTATIONS } from "./mutations.js";
import type { SeedOptions, SeedResult } from "./run-seed.js";
import { SeedRunner } from "./seed-runner.js";
import { LATER_GROUPS } from "./world.js";

/** How a planted bug was found. */
export interface Kill {
  readonly mutation: string;
  /** Seeds that find it: one is enough, the others are for the day on which a change of the code moves that. */
  readonly seeds: readonly number[];
  /** How many seeds were tried until these were found. */
  readonly tried: number;
  readonly steps: number;
  /** The promise that the first of them breaks. */
  readonly invariant: string;
}

const file = fileURLToPath(new URL("kills.json", import.meta.url));

/** Killing seeds that are recorded of each planted bug. */
const RECORDED = 3;
/** Further seeds that are tried when none of the recorded ones finds a planted bug any more. */
const FURTHER_SEEDS = 200;

/** The committed table. */
export function readKills(): readonly Kill[] {
  return JSON.parse(readFileSync(file, "utf8")) as Kill[];
}

function bundleOf(mutation: Mutation): Promise<string> {
  return bundle(`mutation-${MUTATIONS.indexOf(mutation)}`, mutation.patches);
}

/** What a replayed kill came to. */
export interface Replay {
  readonly seed: number;
  readonly failure: NonNullable<SeedResult["failure"]>;
}

interface Runners {
  readonly mutant: SeedRunner;
  healthy?: SeedRunner;
}

/** Plays seeds with a planted bug, side by side, and gives the first that fails, and does not fail without it. */
class Hunt {
  readonly #runners: readonly Runners[];

  constructor(
    mutant: string,
    workers: number,
    /** Without it, whether a seed fails without the bug is known already. */
    private readonly healthy?: () => Promise<string>,
  ) {
    this.#runners = Array.from({ length: workers }, () => ({ mutant: new SeedRunner(mutant) }));
  }

  async first(
    { focus }: Mutation,
    seeds: readonly number[],
    steps: number,
  ): Promise<(Replay & { readonly tried: number }) | undefined> {
    // A planted bug has its seeds from before these kinds came.
    const without = LATER_GROUPS.filter((kind) => focus?.only?.some((own) => own === kind) !== true);
    let next = 0;
    let found: Replay | undefined;
    const work = async (runners: Runners): Promise<void> => {
      while (found === undefined && next < seeds.length) {
        const seed = seeds[next++]!;
        const { failure } = await runners.mutant.run({ seed, steps, focus, without, lines: 20 });
        if (failure === undefined) continue;
        if (await this.#isHealthy(runners, { seed, steps, focus, without, lines: 1 }))
          found ??= { seed, failure };
      }
    };
    await Promise.all(this.#runners.map(work));
    return found && { ...found, tried: next };
  }

  async #isHealthy(runners: Runners, options: SeedOptions): Promise<boolean> {
    if (this.healthy === undefined) return true;
    runners.healthy ??= new SeedRunner(await this.healthy());
    return (await runners.healthy.run(options)).failure === undefined;
  }

  async close(): Promise<void> {
    for (const { mutant, healthy } of this.#runners) await Promise.all([mutant.close(), healthy?.close()]);
  }
}

let healthyBundle: Promise<string> | undefined;

function healthy(): Promise<string> {
  return (healthyBundle ??= bundle("healthy"));
}

/**
 * Plays the recorded seeds of a planted bug one after the other. If none finds it any more, because the code has moved
 * them, further ones are looked at, and what is found is printed. Undefined if nothing finds it.
 */
export async function replayKill(kill: Kill, mutation: Mutation): Promise<Replay | undefined> {
  const mutant = await bundleOf(mutation);
  const known = new Hunt(mutant, 1);
  try {
    const found = await known.first(mutation, kill.seeds, kill.steps);
    if (found !== undefined) return found;
  } finally {
    await known.close();
  }
  const further = new Hunt(mutant, availableParallelism(), healthy);
  try {
    const seeds = Array.from({ length: FURTHER_SEEDS }, (_, index) => index + 1).filter(
      (seed) => !kill.seeds.includes(seed),
    );
    const found = await further.first(mutation, seeds, kill.steps);
    const now = found === undefined ? `none of ${seeds.length} finds it` : `seed ${found.seed} does now`;
    console.log(`${mutation.name}: seeds ${kill.seeds.join(", ")} find it no more, ${now}`);
    return found;
  } finally {
    await further.close();
  }
}

/** Looks for killing seeds of a planted bug. */
async function findKill(
  mutation: Mutation,
  seeds: readonly number[],
  steps: number,
): Promise<Kill | undefined> {
  const hunt = new Hunt(await bundleOf(mutation), 1, healthy);
  try {
    const kills: Replay[] = [];
    let tried = 0;
    while (kills.length < RECORDED) {
      const found = await hunt.first(mutation, seeds.slice(tried), steps);
      if (found === undefined) break;
      kills.push(found);
      tried += found.tried;
    }
    if (kills.length === 0) return undefined;
    return {
      mutation: mutation.name,
      seeds: kills.map(({ seed }) => seed),
      tried: kills.length < RECORDED ? seeds.length : tried,
      steps,
      invariant: kills[0]!.failure.invariant,
    };
  } finally {
    await hunt.close();
  }
}

/** Looks for killing seeds of each mutation and writes the table. Gives the exit code: 1 if one survived. */
export async function searchMutations(options: {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly only: string | undefined;
  /** Leaves out those of which enough seeds are recorded. */
  readonly missing: boolean;
}): Promise<number> {
  const { seed, seeds, steps, only, missing } = options;
  const enough = new Set(readKills().flatMap((kill) => (kill.seeds.length < RECORDED ? [] : kill.mutation)));
  const wanted = MUTATIONS.filter(
    ({ name }) => (only === undefined || name.includes(only)) && !(missing && enough.has(name)),
  );
  const survivors: string[] = [];
  const queue = [...wanted];
  const tried = Array.from({ length: seeds }, (_, index) => seed + index);
  const work = async (): Promise<void> => {
    for (let mutation = queue.shift(); mutation !== undefined; mutation = queue.shift()) {
      const began = performance.now();
      const { name } = mutation;
      const kill = await findKill(mutation, tried, steps);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (kill === undefined) survivors.push(name);
      const how =
        kill === undefined
          ? `survived ${seeds} seeds`
          : `seeds ${kill.seeds.join(", ")} of ${kill.tried}: ${kill.invariant}`;
      console.log(`${name}: ${how} (${seconds} s)`);
      // At once: a search that is ended early has not been for nothing.
      const kills = readKills().filter((known) => known.mutation !== name);
      const all = new Map(
        [...kills, ...(kill === undefined ? [] : [kill])].map((one) => [one.mutation, one]),
      );
      const known = MUTATIONS.flatMap((one) => all.get(one.name) ?? []);
      writeFileSync(file, `${JSON.stringify(known, null, 2)}\n`);
    }
  };
  await Promise.all([work(), work()]);
  console.log(`${wanted.length - survivors.length} of ${wanted.length} planted bugs found`);
  return survivors.length > 0 ? 1 : 0;
}
