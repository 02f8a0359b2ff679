import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../tests/read-command-line.js";
import { drawBars } from "./report/draw-bars.js";
import { FIGURES, type Figures } from "./report/figures.js";
import { formatTable, type Result } from "./report/format-table.js";
import type { Scenario } from "./scenarios/scenario.js";
import { SCENARIOS } from "./scenarios/scenarios.js";

const NAMES = SCENARIOS.map(({ name }) => name);
const SUBJECTS = [...new Set(SCENARIOS.flatMap(({ subjects }) => subjects))];

const USAGE = `Measures ours beside a peer and the limit, by turns. See docs/performance.md.

  pnpm bench [scenario …] [options]

  --rounds N       how often each subject has its turn; 3 by default
  --seconds N      how long each is measured; 5 by default
  --subject NAME   only this one; can be said more than once
  --smoke          all of it for a moment: shows that it runs and that nothing is lost
  --out FOLDER     writes the runs (JSON), a table and a plot of each scenario there, from the root of the project

Scenarios: ${NAMES.join(", ")}.
Subjects:  ${SUBJECTS.join("; ")}.
`;

const OPTIONS = {
  rounds: { type: "string", default: "3" },
  seconds: { type: "string", default: "5" },
  smoke: { type: "boolean", default: false },
  subject: { type: "string", multiple: true },
  out: { type: "string" },
} as const;
const { values, words, refuse } = readCommandLine(USAGE, OPTIONS, NAMES);
const rounds = values.smoke ? 1 : Number(values.rounds);
const duration = values.smoke ? 300 : Number(values.seconds) * 1_000;
if (!Number.isSafeInteger(rounds) || rounds < 1 || !(duration > 0)) {
  refuse("--rounds takes a whole number from 1 on, --seconds one above 0.");
}
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
  .filter(({ name }) => words.length === 0 || words.includes(name))
  .filter(({ subjects }) => subjects.length > 0);
if (scenarios.length === 0) refuse("None of these scenarios has such a subject.");

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
