import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle } from "./bundle.js";
import { runCampaign } from "./campaign.js";
import { HOUSEKEPT_FAILOVERS } from "./focus.js";
import { readKills, replayKill } from "./mutation-search.js";
import { MUTATIONS } from "./mutations.js";
import { SeedRunner } from "./seed-runner.js";

const STEPS = 150;
/** Seeds of every run of the tests; `pnpm simulate` plays more. */
const SEEDS = 16;

describe("a seed", () => {
  let runner: SeedRunner;

  beforeAll(async () => {
    runner = new SeedRunner(await bundle("test"));
  });

  afterAll(() => runner.close());

  it("gives the same trace twice, and another seed another one", async () => {
    const first = await runner.run({ seed: 42, steps: STEPS });
    const again = await runner.run({ seed: 42, steps: STEPS });
    const other = await runner.run({ seed: 43, steps: STEPS });
    expect(again).toEqual(first);
    expect(other.hash).not.toBe(first.hash);
  });
});

describe("the promise", () => {
  it(`holds through ${SEEDS} seeds`, async () => {
    const { failures, acknowledged } = await runCampaign({
      bundle: await bundle("test"),
      seed: 1,
      seeds: SEEDS,
      steps: STEPS,
      without: [],
      progress: () => {},
    });
    expect(
      failures.map(({ seed, failure }) => `seed ${seed}: ${failure?.invariant}: ${failure?.detail}`),
    ).toEqual([]);
    expect(acknowledged).toBeGreaterThan(1_000);
  });

  it("holds where a standby of the rows takes over beside a log elsewhere, retention and erasure", async () => {
    const { failures, hits } = await runCampaign({
      bundle: await bundle("test"),
      seed: 1,
      seeds: 4,
      steps: STEPS,
      without: [],
      focus: HOUSEKEPT_FAILOVERS,
      progress: () => {},
    });
    expect(failures.map(({ seed, failure }) => `seed ${seed}: ${failure?.detail}`)).toEqual([]);
    expect(hits.get("fault failover of rows beside a log")).toBeGreaterThan(10);
    expect(hits.get("an erasure is done")).toBeGreaterThan(0);
  });
});

describe("a planted bug", () => {
  const kills = readKills();

  it("of at least 20 different ones is known to be found", () => {
    expect(kills.length).toBeGreaterThanOrEqual(20);
    const names = MUTATIONS.map(({ name }) => name);
    expect(kills.filter(({ mutation }) => !names.includes(mutation))).toEqual([]);
  });

  // Where the recorded seeds have moved, others are looked at, which takes its time.
  it.concurrent.each(kills)("is found: $mutation", { timeout: 600_000 }, async (kill) => {
    const mutation = MUTATIONS.find(({ name }) => name === kill.mutation)!;
    expect(await replayKill(kill, mutation)).toBeDefined();
  });
});
