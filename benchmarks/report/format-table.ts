import type { Figures } from "./measure.js";

/** All runs of one scenario, by subject. The runs of one index were made one after the other. */
export interface Result {
  readonly scenario: string;
  readonly description: string;
  readonly runs: Readonly<Record<string, readonly Figures[]>>;
}

/** The middle one, and the spread. */
export function medianOf(values: readonly number[]): {
  readonly median: number;
  readonly low: number;
  readonly high: number;
} {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, low: sorted[0]!, high: sorted[sorted.length - 1]! };
}

const COLUMNS: readonly (readonly [keyof Figures, string, number])[] = [
  ["messagesPerSecond", "messages/s", 0],
  ["cpuPerDelivery", "server CPU µs/delivery", 2],
  ["ackP50", "ack p50 ms", 1],
  ["ackP99", "ack p99 ms", 1],
  ["bytesPerDelivery", "bytes/delivery", 0],
];

/** Ours divided by another subject's, pair by pair of the same round: what holds when the machine's speed drifts. */
function ratiosOf(result: Result, subject: string, figure: keyof Figures): ReturnType<typeof medianOf> {
  const ours = result.runs["chat"]!;
  const others = result.runs[subject]!;
  return medianOf(ours.map((run, index) => run[figure] / others[index]![figure]));
}

/** A Markdown table: medians with spread, and our ratios to the others. */
export function formatTable(result: Result): string {
  const subjects = Object.keys(result.runs);
  const cell = ({ median, low, high }: ReturnType<typeof medianOf>, digits: number): string =>
    `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
  const rows = [
    ...subjects.map((name) => [
      name,
      ...COLUMNS.map(([figure, , digits]) =>
        cell(medianOf(result.runs[name]!.map((run) => run[figure])), digits),
      ),
    ]),
    ...subjects
      .filter((name) => name !== "chat")
      .map((name) => [
        `chat ÷ ${name}`,
        ...COLUMNS.map(([figure]) => cell(ratiosOf(result, name, figure), 2)),
      ]),
  ];
  const lines = [["", ...COLUMNS.map(([, title]) => title)], ["---", ...COLUMNS.map(() => "---:")], ...rows];
  return `### ${result.scenario}: ${result.description}\n\n${lines.map((line) => `| ${line.join(" | ")} |`).join("\n")}\n`;
}
