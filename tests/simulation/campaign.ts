import { availableParallelism } from "node:os";
import type { Focus } from "./focus.js";
import { GROUPS, type SeedOptions, type SeedResult } from "./run-seed.js";
import { SeedRunner } from "./seed-runner.js";

/** Which seeds, and with what. */
export interface CampaignOptions {
  readonly bundle: string;
  /** The first seed. */
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly without: readonly string[];
  readonly focus?: Focus | undefined;
  readonly progress: (done: number, failed: number, last: SeedResult) => void;
}

/** What a campaign came to. */
export interface CampaignResult {
  readonly seeds: number;
  readonly failures: readonly SeedResult[];
  readonly virtualMs: number;
  readonly events: number;
  readonly entries: number;
  readonly acknowledged: number;
  /** The longest over all seeds. */
  readonly drainMs: number;
  readonly tailMs: number;
  readonly hits: ReadonlyMap<string, number>;
}

/** Plays seeds side by side, one on each core. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { bundle, seed, seeds, steps, without, focus, progress } = options;
  const results: SeedResult[] = [];
  let next = seed;
  let failed = 0;
  const play = async (): Promise<void> => {
    const runner = new SeedRunner(bundle);
    while (next < seed + seeds) {
      const result = await runner.run({ seed: next++, steps, without, focus, lines: 60 });
      results.push(result);
      if (result.failure !== undefined) failed++;
      progress(results.length, failed, result);
    }
    await runner.close();
  };
  await Promise.all(Array.from({ length: Math.min(seeds, availableParallelism()) }, play));
  const hits = new Map<string, number>();
  for (const result of results) {
    for (const [path, count] of Object.entries(result.hits)) hits.set(path, (hits.get(path) ?? 0) + count);
  }
  const sum = (of: (result: SeedResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  return {
    seeds: results.length,
    failures: results.filter(({ failure }) => failure !== undefined).sort((a, b) => a.seed - b.seed),
    virtualMs: sum(({ virtualMs }) => virtualMs),
    events: sum(({ events }) => events),
    entries: sum(({ entries }) => entries),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    drainMs: results.reduce((most, { drainMs }) => Math.max(most, drainMs), 0),
    tailMs: results.reduce((most, { tailMs }) => Math.max(most, tailMs), 0),
    hits,
  };
}

/** Looks for a shorter run of a seed that breaks the same promise: fewer steps, then fewer kinds of faults. */
export async function shrink(bundle: string, failing: SeedOptions, invariant: string): Promise<SeedOptions> {
  const runner = new SeedRunner(bundle);
  const fails = async (options: SeedOptions): Promise<boolean> =>
    (await runner.run({ ...options, lines: 1 })).failure?.invariant === invariant;
  let best = failing;
  for (let [low, high] = [0, failing.steps]; low + 1 < high;) {
    const steps = (low + high) >> 1;
    if (await fails({ ...best, steps })) {
      best = { ...best, steps };
      high = steps;
    } else {
      low = steps;
    }
  }
  for (const group of GROUPS.filter((name) => name !== "app" && best.without?.includes(name) !== true)) {
    const smaller = { ...best, without: [...(best.without ?? []), group] };
    if (await fails(smaller)) best = smaller;
  }
  await runner.close();
  return best;
}
