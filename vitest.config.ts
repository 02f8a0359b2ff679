import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Tests run against the sources, through the same list of paths that the type checker follows.
const { compilerOptions } = JSON.parse(
  readFileSync(new URL("tsconfig.base.json", import.meta.url), "utf8"),
) as { compilerOptions: { paths: Record<string, [string]> } };
const alias = Object.entries(compilerOptions.paths).map(([name, [source]]) => ({
  find: new RegExp(`^${name}$`),
  replacement: fileURLToPath(new URL(source, import.meta.url)),
}));

const integration = ["{packages,tests}/**/*.integration.test.ts", "tests/integration/**/*.test.ts"];
/** Of these what bounds a ratio or a rate: nothing else may run beside it. */
const measured = ["tests/flood/*.integration.test.ts", "tests/integration/large-groups.test.ts"];

/**
 * What takes longest, longest first. Begun late, it would run on alone, and vitest begins with the largest files where it
 * has no record of an earlier run, as on CI.
 */
const longest = [
  "store/dynamodb-contract",
  "tests/package/package",
  "store/mysql-contract",
  "fanout/rabbitmq-fanout",
  "store/postgres-contract",
  "fanout/redis-fanout",
  "store/combined-crash",
  "fanout/sns-sqs-fanout",
  "store/postgres-faults",
  "store/mysql-faults",
  "fanout/kafka-fanout",
  "store/dynamodb-faults",
  "tests/integration/cluster-example",
  "tests/integration/browser-build",
  "tests/replay/replay",
  "store/combined-processes",
  "tests/fuzz/fuzz",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.includes(`${name}.`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((left, right) => rank(left) - rank(right));
  }
}

export default defineConfig({
  resolve: { alias },
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "tests/{replay,chaos}/**/*.test.ts"],
          exclude: integration,
          // Threads start sooner than processes do, and share what was compiled.
          pool: "threads",
          // Also on two cores, where one worker is vitest's own choice.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Nothing here waits for a clock; on a busy machine five seconds can be too few all the same.
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: { name: "docs", include: ["tests/docs/**/*.test.ts"], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: integration,
          exclude: measured,
          // As with the unit tests; most of it waits for engines.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // What runs side by side in a file waits, too.
          maxConcurrency: 6,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "measured",
          include: measured,
          // Behind all others, one file at a time.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "simulation",
          include: ["tests/simulation/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          // One browser and one server at a time: two cores, and each test may kill its server.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
