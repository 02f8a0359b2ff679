import { FIGURES, type Figures } from "./figures.js";

/** All runs of one scenario, by subject. The runs of one index were made one after the other. */
export interface Result {
  readonly scenario: string;
  readonly description: string;
  readonly runs: Readonly<Record<string, readonly Figures[]>>;
}

/** The middle one, and the spread. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, low: sorted[0]!, high: sorted[sorted.length - 1]! };
}

/** Ours divided by another subject's, pair by pair of the same round: what holds when the machine's speed drifts. */
function ratiosOf(result: Result, subject: string, figure: string): Spread {
  const ours = Object.values(result.runs)[0]!;
  const others = result.runs[subject]!;
  return spreadOf(ours.map((run, index) => run[figure]! / others[index]![figure]!));
}

/** The figures that the runs of a result have, in their order. */
export function figuresOf({ runs }: Result): string[] {
  const names = new Set(Object.values(runs).flatMap((all) => all.flatMap((run) => Object.keys(run))));
  return Object.keys(FIGURES).filter((name) => names.has(name) && name !== "lost");
}

function cell(spread: Spread, digits: number): string {
  const { median, low, high } = spread;
  // A ratio to nothing is none.
  if (!Number.isFinite(median)) return "–";
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** A Markdown table: medians with spread, and our ratios to the others. */
export function formatTable(result: Result): string {
  const subjects = Object.keys(result.runs);
  const [ours] = subjects;
  const figures = figuresOf(result);
  const values = (name: string, figure: string): number[] =>
    result.runs[name]!.map((run) => run[figure] ?? Number.NaN);
  const rows = [
    ...subjects.map((name) => [
      name,
      ...figures.map((figure) => cell(spreadOf(values(name, figure)), FIGURES[figure]!.digits)),
    ]),
    ...subjects
      .slice(1)
      .map((name) => [
        `${ours} ÷ ${name}`,
        ...figures.map((figure) => cell(ratiosOf(result, name, figure), 2)),
      ]),
  ];
  const titles = figures.map((figure) => FIGURES[figure]!.title);
  const lines = [["", ...titles], ["---", ...titles.map(() => "---:")], ...rows];
  return `### ${result.scenario}: ${result.description}\n\n${lines.map((line) => `| ${line.join(" | ")} |`).join("\n")}\n`;
}
