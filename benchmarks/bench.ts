// pnpm bench [scenario …] [--rounds N] [--seconds N] [--smoke] [--subject NAME …] [--out FOLDER]: ours beside a peer and the limit, interleaved.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drawBars } from "./report/draw-bars.js";
import { FIGURES, type Figures } from "./report/figures.js";
import { formatTable, type Result } from "./report/format-table.js";
import type { Scenario } from "./scenarios/scenario.js";
import { SCENARIOS } from "./scenarios/scenarios.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    smoke: { type: "boolean", default: false },
    subject: { type: "string", multiple: true },
    out: { type: "string" },
  },
});
const rounds = values.smoke ? 1 : Number(values.rounds);
const duration = values.smoke ? 300 : Number(values.seconds) * 1_000;
const wanted = values.subject;

const hasEngines = process.env["CHAT_REQUIRE_ENGINES"] === "1";
/** A smoke run takes one conversation on each pair of engines, and these and the browser only where they must be there anyway. */
function isThere({ name, needsEngines, needsBrowser = false }: Scenario, subject: string): boolean {
  if (!values.smoke) return true;
  if (needsBrowser) return hasEngines;
  if (needsEngines?.(subject) !== true) return true;
  return hasEngines && !/^(?:redis|nats)-(?!busy-room)/.test(name);
}

const scenarios = SCENARIOS.map((scenario) => ({
  ...scenario,
  subjects: scenario.subjects
    .filter((name) => wanted?.includes(name) ?? true)
    .filter((name) => isThere(scenario, name)),
}))
  .filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  .filter(({ subjects }) => subjects.length > 0);
if (scenarios.length === 0) {
  process.stderr.write(`Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const results: Result[] = [];
const folder =
  values.out === undefined ? undefined : fileURLToPath(new URL(`../${values.out}/`, import.meta.url));
if (folder !== undefined) mkdirSync(folder, { recursive: true });
for (const scenario of scenarios) {
  const runs = new Map<string, Figures[]>(scenario.subjects.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const name of scenario.subjects) {
      const where = `${scenario.name} ${round}/${rounds} ${name.padEnd(10)}`;
      const progress = (what: string): void => tell(`${where} ${what}`);
      const figures = await scenario.run(name, { duration, smoke: values.smoke, progress });
      runs.get(name)!.push(figures);
      const shown = Object.entries(figures).map(
        ([figure, value]) => `${FIGURES[figure]!.title} ${value.toFixed(FIGURES[figure]!.digits)}`,
      );
      tell(`${where} ${shown.join(" · ")}`);
    }
  }
  const result = {
    scenario: scenario.name,
    description: scenario.description,
    runs: Object.fromEntries(runs),
  };
  results.push(result);
  process.stdout.write(`${formatTable(result)}\n`);
  if (folder === undefined) continue;
  writeFileSync(`${folder}${result.scenario}.json`, `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(`${folder}${result.scenario}.md`, formatTable(result));
  writeFileSync(`${folder}${result.scenario}.svg`, drawBars(result));
}

const ours = results
  .flatMap(({ runs }) => Object.values(runs)[0]!)
  .reduce((sum, { lost }) => sum + (lost ?? 0), 0);
process.stdout.write(
  `${results.length} scenarios, ${rounds} rounds each, ${ours} deliveries lost, doubled or out of order\n`,
);
process.exit(ours === 0 ? 0 : 1);
