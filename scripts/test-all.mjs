// Every check and every test, each a named step; two at a time, but alone what measures or kills.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./children.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
process.env.PATH = join(root, "node_modules", ".bin") + delimiter + process.env.PATH;

// On CI whatever is skipped here and there (an engine that is missing, say) is a failure.
const nothingSkipped = process.env.CHAT_REQUIRE_ENGINES === "1";
const reports = mkdtempSync(join(tmpdir(), "chat-test-"));

const steps = [
  // Most of it waits for engines, so that all that follows is done beside it, up to what has to be alone.
  tests("integration"),
  check("format check", "npm run --silent format:check"),
  check("lint", "npm run --silent lint"),
  check("typecheck", "npm run --silent typecheck"),
  check("dead exports", "npm run --silent dead-exports"),
  check("public surface", "npm run --silent check:api"),
  check("API reference", "npm run --silent reference -- --emit none"),
  check("packages", "npm run --silent check:packages"),
  check("size", "npm run --silent check:size"),
  tests("docs snippets", "docs"),
  tests("e2e"),
  { ...check("bench smoke", "npm run --silent bench -- --smoke"), needs: "benchmarks" },
  { ...check("replay excerpt", "npm run --silent replay -- --excerpt"), needs: "tests/replay" },
  // Both have a clock of their own, which a busy machine does not move.
  tests("unit"),
  tests("simulation"),
  alone(tests("measured")),
  alone({
    ...check("chaos", "npm run --silent chaos -- --messages 40000 --rounds one --patient"),
    needs: "tests/chaos",
    limitMinutes: 20,
  }),
];

/** A command that passes or fails as one. */
function check(name, command) {
  return {
    name,
    command,
    limitMinutes: 10,
    count: (code) => ({ passed: code ? 0 : 1, failed: code ? 1 : 0, skipped: [] }),
  };
}

/** A step that measures, or kills processes that keep both cores busy. */
function alone(step) {
  return { ...step, alone: true };
}

/** A vitest project: its tests are counted one by one. */
function tests(name, project = name) {
  const report = join(reports, `${project}.json`);
  return {
    name,
    command: `vitest run --project ${project} --reporter=default --reporter=json --outputFile.json=${report}`,
    limitMinutes: 30,
    isLong: true,
    needs: {
      docs: "tests/docs",
      e2e: "tests/e2e",
      integration: "tests/integration",
      measured: "tests/flood",
      simulation: "tests/simulation",
    }[project],
    count(code) {
      if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
      const result = JSON.parse(readFileSync(report, "utf8"));
      const skipped = result.testResults
        .flatMap((file) => file.assertionResults)
        .filter((test) => !["passed", "failed"].includes(test.status))
        .map((test) => test.ancestorTitles[0] || test.title);
      // An error outside of every test fails the run, but counts as no test.
      const failed = code && result.numFailedTests === 0 ? 1 : result.numFailedTests;
      return { passed: result.numPassedTests, failed, skipped };
    },
  };
}

const total = { passed: 0, failed: 0, skipped: [] };
const failedSteps = [];

async function perform(step) {
  if (step.needs && !existsSync(step.needs)) {
    console.log(`- ${step.name}: skipped, there is no ${step.needs}`);
    total.skipped.push(step.name);
    return;
  }
  if (step.alone) console.log(`\n▸ ${step.name}`);
  const started = performance.now();
  const [command, ...args] = step.command.split(" ");
  // What runs beside another tells nothing until it is over, or names itself in each line.
  const shown = step.alone
    ? {}
    : step.isLong
      ? { onLine: (line) => console.log(`${step.name} │ ${line}`) }
      : { capture: true };
  const { code, output } = await run(command, args, { ...shown, limitMinutes: step.limitMinutes });
  const { passed, failed, skipped } = step.count(code);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  total.passed += passed;
  total.failed += failed;
  total.skipped.push(...skipped);
  if (failed > 0) failedSteps.push(step.name);
  console.log(`${failed ? `\n${output}✗` : "✓"} ${step.name} (${seconds} s)`);
}

const queue = [...steps];
while (queue.length > 0 && failedSteps.length === 0) {
  const beside = queue.findIndex((step) => step.alone);
  if (beside === 0) {
    await perform(queue.shift());
    continue;
  }
  const pair = queue.splice(0, beside < 0 ? queue.length : beside);
  const worker = async () => {
    while (pair.length > 0 && failedSteps.length === 0) await perform(pair.shift());
  };
  await Promise.all([worker(), worker()]);
}
rmSync(reports, { recursive: true, force: true });

const skippedNames = [...new Set(total.skipped)];
if (skippedNames.length > 0) console.log(`\nSkipped: ${skippedNames.join(", ")}`);
// A shallow clone is no missing engine.
const missed = skippedNames.filter((name) => !name.endsWith("(needs git's history)"));
const refused = nothingSkipped && missed.length > 0;
if (refused) console.log("Nothing may be skipped here (CHAT_REQUIRE_ENGINES=1).");
if (failedSteps.length > 0)
  console.log(`\nFailed: ${failedSteps.join(", ")}. The steps after that did not run.`);
const failures = total.failed + (refused ? missed.length : 0);
console.log(`\n${total.passed} passed, ${failures} failed, ${total.skipped.length} skipped`);
process.exit(failures > 0 ? 1 : 0);
