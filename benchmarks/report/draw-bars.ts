import type { Figures } from "./measure.js";
import { medianOf, type Result } from "./format-table.js";

const PANELS: readonly (readonly [keyof Figures, string, number])[] = [
  ["messagesPerSecond", "messages per second (more is better)", 0],
  ["cpuPerDelivery", "server CPU, µs per delivery (less is better)", 2],
  ["ackP50", "acknowledgement p50, ms (less is better)", 1],
];
const COLOURS = ["#2563eb", "#94a3b8", "#cbd5e1"];
const [WIDTH, BAR, PANEL] = [640, 26, 130];

/** A bar chart of one scenario: medians, with the spread as a line. */
export function drawBars(result: Result): string {
  const subjects = Object.keys(result.runs);
  const panels = PANELS.map(([figure, title, digits], panel) => {
    const stats = subjects.map((name) => medianOf(result.runs[name]!.map((run) => run[figure])));
    const scale = 380 / Math.max(...stats.map(({ high }) => high));
    const bars = stats.map(({ median, low, high }, index) => {
      const y = 30 + index * (BAR + 6);
      const middle = y + BAR / 2;
      return [
        `<text x="90" y="${middle + 4}" text-anchor="end">${subjects[index]}</text>`,
        `<rect x="100" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR}" fill="${COLOURS[index % COLOURS.length]}"/>`,
        `<line x1="${(100 + low * scale).toFixed(1)}" x2="${(100 + high * scale).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#0f172a"/>`,
        `<text x="${(106 + high * scale).toFixed(1)}" y="${middle + 4}">${median.toFixed(digits)}</text>`,
      ].join("");
    });
    return `<g transform="translate(0 ${30 + panel * PANEL})"><text x="100" y="20" font-weight="600">${title}</text>${bars.join("")}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${40 + PANELS.length * PANEL}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-size="15" font-weight="700">${result.scenario}: ${result.description}</text>${panels.join("")}</svg>\n`;
}
