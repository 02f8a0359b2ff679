import { readCommandLine } from "../read-command-line.js";
import { bundle } from "./bundle.js";
import { type CampaignResult, runCampaign, shrink } from "./campaign.js";
import type { Group } from "./actions.js";
import type { Focus } from "./focus.js";
import { searchMutations } from "./mutation-search.js";
import { GROUPS, type SeedResult } from "./run-seed.js";
import { SeedRunner } from "./seed-runner.js";
import { neverTaken, SEEDS_FOR_ALL } from "./sometimes.js";

const OPTIONS = {
  seeds: { type: "string", default: "100" },
  seed: { type: "string", default: "1" },
  steps: { type: "string", default: "150" },
  without: { type: "string", default: "" },
  with: { type: "string" },
  mutations: { type: "boolean", default: false },
  only: { type: "string" },
  missing: { type: "boolean", default: false },
  counts: { type: "boolean", default: false },
} as const;

const USAGE = `Usage: pnpm simulate [--seeds 100] [--seed 1] [--steps 150]   plays so many seeds, from that one on
       --without ${GROUPS.join(",")}   leaves out kinds of actions
       --with <kinds>                plays exactly these kinds of faults in every seed
       --counts                      how often each path was taken
       --mutations [--only <name>]   searches the seeds that find the planted bugs
                   [--missing]       those alone of which too few seeds are known`;

const { values, refuse } = readCommandLine(USAGE, OPTIONS);
const [seed, seeds, steps] = [values.seed, values.seeds, values.steps].map(Number) as [
  number,
  number,
  number,
];
const without = values.without.split(",").filter((name) => name !== "");
const only = values.with?.split(",") as Group[] | undefined;
const focus: Focus | undefined = only && { only };
const unknown = [...without, ...(only ?? [])].find((name) => !GROUPS.includes(name));
if (![seed, seeds, steps].every(Number.isSafeInteger) || unknown !== undefined) {
  refuse("--seeds, --seed and --steps are integers; --without and --with take names from the list.");
}

function hours(virtualMs: number): string {
  return (virtualMs / 3_600_000).toFixed(1);
}

function sentence({ seed: number, failure }: SeedResult): string {
  return `seed ${number}: ${failure?.invariant}: ${failure?.detail}`;
}

/** The first failure in words, as short as it can be had cheaply. */
async function explain(file: string, { failures }: CampaignResult): Promise<void> {
  const [first] = failures;
  if (first?.failure === undefined) return;
  const { invariant } = first.failure;
  const short = await shrink(file, { seed: first.seed, steps, without, focus }, invariant);
  const runner = new SeedRunner(file);
  const { failure } = await runner.run({ ...short, lines: 60 });
  await runner.close();
  console.log(
    `\nSeed ${first.seed} breaks a promise. ${(failure ?? first.failure).trace.length} last lines:\n`,
  );
  console.log((failure ?? first.failure).trace.join("\n"));
  const left = short.without?.length ? ` --without ${short.without.join(",")}` : "";
  const given = values.with === undefined ? "" : ` --with "${values.with}"`;
  console.log(`\nAgain: pnpm simulate --seeds 1 --seed ${short.seed} --steps ${short.steps}${left}${given}`);
  console.log(failures.map(sentence).join("\n"));
}

async function campaign(): Promise<number> {
  const began = performance.now();
  const file = await bundle("simulation");
  let shown = 0;
  const result = await runCampaign({
    bundle: file,
    seed,
    seeds,
    steps,
    without,
    focus,
    progress(done, failed, last) {
      if (last.failure !== undefined) console.log(sentence(last));
      if (performance.now() - shown < 5_000 && done < seeds) return;
      shown = performance.now();
      console.log(`${done}/${seeds} seeds, ${failed} failed, ${Math.round((shown - began) / 1000)} s`);
    },
  });
  await explain(file, result);
  if (values.counts) {
    for (const [path, count] of [...result.hits].sort()) console.log(`${String(count).padStart(9)} ${path}`);
  }
  const missed =
    seeds >= SEEDS_FOR_ALL && without.length === 0 && focus === undefined ? neverTaken(result.hits) : [];
  if (missed.length > 0) console.log(`Never happened: ${missed.join("; ")}.`);
  console.log(
    `${result.seeds} seeds (${seed} to ${seed + seeds - 1}, ${steps} steps), ${result.failures.length} failed; ` +
      `${hours(result.virtualMs)} virtual hours, ${result.events} events, ${result.entries} entries, ` +
      `${result.acknowledged} acknowledged; longest drain ${result.drainMs} ms, longest repair of a lost tail ` +
      `${result.tailMs} ms; ${Math.round((performance.now() - began) / 1000)} s`,
  );
  return result.failures.length + missed.length > 0 ? 1 : 0;
}

process.exitCode = values.mutations
  ? await searchMutations({ seeds, seed, steps, only: values.only, missing: values.missing })
  : await campaign();
