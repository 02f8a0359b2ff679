import { FIGURES } from "./figures.js";
import { figuresOf, type Result, spreadOf } from "./format-table.js";

const COLOURS = ["#2563eb", "#94a3b8", "#cbd5e1", "#e2e8f0"];
const [WIDTH, BAR, GAP] = [640, 24, 6];
/** What the load itself did says nothing of a subject. */
const NOT_DRAWN = new Set(["loadCpu", "deliveriesPerSecond", "queries", "roundTrips"]);

/** A bar chart of one scenario, a panel for each figure: medians, with the spread as a line. */
export function drawBars(result: Result): string {
  const subjects = Object.keys(result.runs);
  const height = 40 + subjects.length * (BAR + GAP);
  const figures = figuresOf(result).filter((name) => !NOT_DRAWN.has(name));
  const panels = figures.map((figure, panel) => {
    const { title, digits } = FIGURES[figure]!;
    const spreads = subjects.map((name) =>
      spreadOf(result.runs[name]!.map((run) => run[figure] ?? Number.NaN)),
    );
    const scale = 380 / Math.max(...spreads.map(({ high }) => (Number.isFinite(high) ? high : 0)), 1e-9);
    /** Where a value lies: what came out below nothing, the rest subtracted, has no bar. */
    const at = (value: number): string => (110 + Math.max(value, 0) * scale).toFixed(1);
    const bars = spreads.map(({ median, low, high }, index) => {
      const y = 30 + index * (BAR + GAP);
      const middle = y + BAR / 2;
      const name = `<text x="100" y="${middle + 4}" text-anchor="end">${subjects[index]}</text>`;
      if (!Number.isFinite(median)) return `${name}<text x="116" y="${middle + 4}">–</text>`;
      return (
        name +
        `<rect x="110" y="${y}" width="${(Math.max(median, 0) * scale).toFixed(1)}" height="${BAR}" fill="${COLOURS[index % COLOURS.length]}"/>` +
        `<line x1="${at(low)}" x2="${at(high)}" y1="${middle}" y2="${middle}" stroke="#0f172a"/>` +
        `<text x="${at(high)}" dx="6" y="${middle + 4}">${median.toFixed(digits)}</text>`
      );
    });
    return `<g transform="translate(0 ${30 + panel * height})"><text x="110" y="20" font-weight="600">${title}</text>${bars.join("")}</g>`;
  });
  const title = `${result.scenario}: ${result.description}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${40 + figures.length * height}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-size="14" font-weight="700">${title}</text>${panels.join("")}</svg>\n`;
}
