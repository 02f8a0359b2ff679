import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.js";

const USAGE = `Lets hostile peers loose on a real server and a real client, while two bystanders talk.

  pnpm fuzz [--seconds N] [--seed N]

  --seconds N   how long; 60 by default
  --seed N      what the peers make up; taken from the clock by default
`;

const { values } = parseArgs({
  // `pnpm fuzz -- --seed 3` hands the dashes on.
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: {
    help: { type: "boolean", short: "h", default: false },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
if (values.help || !(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
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
