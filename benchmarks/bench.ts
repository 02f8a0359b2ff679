// pnpm bench [scenario …] [--rounds N] [--seconds N] [--smoke]: our server beside a peer and the limit, interleaved.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drawBars } from "./report/draw-bars.js";
import { type Figures, measure } from "./report/measure.js";
import { formatTable, type Result } from "./report/format-table.js";
import { SCENARIOS } from "./scenarios/scenario.js";
import { SUBJECTS } from "./subjects/subjects.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    smoke: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const rounds = values.smoke ? 1 : Number(values.rounds);
const duration = values.smoke ? 500 : Number(values.seconds) * 1_000;
const scenarios = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (scenarios.length === 0) {
  process.stderr.write(`Scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}

const results: Result[] = [];
for (const scenario of scenarios) {
  const runs = new Map<string, Figures[]>(SUBJECTS.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const subject of SUBJECTS) {
      const figures = await measure(subject, scenario, { warmUp: duration / 3, duration });
      runs.get(subject.name)!.push(figures);
      const { messagesPerSecond, cpuPerDelivery, ackP50 } = figures;
      process.stderr.write(
        `${scenario.name} ${round}/${rounds} ${subject.name.padEnd(10)} ${messagesPerSecond.toFixed(0).padStart(7)} msg/s` +
          ` ${cpuPerDelivery.toFixed(2).padStart(6)} µs/delivery  ack p50 ${ackP50.toFixed(1)} ms\n`,
      );
    }
  }
  results.push({
    scenario: scenario.name,
    description: scenario.description,
    runs: Object.fromEntries(runs),
  });
}

process.stdout.write(`${results.map(formatTable).join("\n")}\n`);
const lost = results
  .flatMap(({ runs }) => Object.entries(runs))
  .flatMap(([name, all]) => all.map((run) => ({ name, lost: run.lost })));
const ours = lost.filter(({ name }) => name === "chat").reduce((sum, run) => sum + run.lost, 0);
if (values.out !== undefined) {
  const folder = fileURLToPath(new URL(`../${values.out}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}results.json`, `${JSON.stringify(results, null, 2)}\n`);
  for (const result of results) writeFileSync(`${folder}${result.scenario}.svg`, drawBars(result));
}
process.stdout.write(
  `${results.length} scenarios, ${rounds} rounds each, ${ours} deliveries lost, doubled or out of order\n`,
);
process.exit(ours === 0 ? 0 : 1);
