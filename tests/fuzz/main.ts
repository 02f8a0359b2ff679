import { readCommandLine } from "../read-command-line.js";
import { fuzz } from "./fuzz.js";

const USAGE = `Lets hostile peers loose on a real server and a real client, while two bystanders talk.

  pnpm fuzz [--seconds N] [--seed N]

  --seconds N   how long; 60 by default
  --seed N      what the peers make up; taken from the clock by default
`;

const { values, refuse } = readCommandLine(USAGE, {
  seconds: { type: "string", default: "60" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  refuse("--seconds takes a number above 0, --seed a whole one.");
}

console.log(`Seed ${seed}, ${seconds} s.`);
const { figures, findings } = await fuzz({ seed, seconds, print: (line) => console.log(line) });
const refusals = [...figures.refusals].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${code} ${count}`);
console.log(`\nRefusals and statuses: ${refusals.join(", ")}`);
for (const [kind, times] of findings) console.log(`${times} times: ${kind}`);
console.log(
  `${seconds} s, seed ${seed}: ${String(figures)}; ${figures.bystanderMessages} messages of bystanders, all held; ${findings.size} findings`,
);
process.exitCode = findings.size > 0 ? 1 : 0;
