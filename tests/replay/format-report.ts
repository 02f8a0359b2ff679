import type { LogReport } from "./log-report.js";

const COLUMNS: readonly (readonly [string, (report: LogReport) => string | number])[] = [
  ["log", ({ name }) => name],
  ["messages", ({ messages }) => messages],
  ["entries", ({ entries }) => entries],
  ["accounts", ({ accounts }) => accounts],
  ["devices", ({ devices }) => devices],
  ["compared", ({ compared }) => compared],
  ["cuts", ({ cuts }) => cuts],
  ["kills", ({ kills }) => kills],
  ["reconnects", ({ reconnects }) => reconnects],
  ["duplicates", ({ troubles }) => troubles.duplicate],
  ["missing", ({ troubles }) => troubles.missing],
  ["misordered", ({ troubles }) => troubles.misordered],
  ["foreign", ({ troubles }) => troubles.foreign],
  [
    "other",
    ({ mismatches, troubles: { duplicate, missing, misordered, foreign } }) =>
      mismatches - duplicate - missing - misordered - foreign,
  ],
  ["mismatches", ({ mismatches }) => mismatches],
  ["seconds", ({ seconds }) => seconds.toFixed(1)],
  ["msg/s", ({ messagesPerSecond }) => messagesPerSecond.toFixed(0)],
];

/** A table with a row per log and one for all, then one line of figures. */
export function formatReport(reports: readonly LogReport[], total: LogReport): string {
  const rows = [COLUMNS.map(([title]) => title)];
  for (const report of [...reports, total]) rows.push(COLUMNS.map(([, figure]) => String(figure(report))));
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  "),
  );
  const rule = "-".repeat(table[0]!.length);
  table.splice(1, 0, rule);
  table.splice(-1, 0, rule);
  const { messages, entries, devices, compared, cuts, kills, reconnects, mismatches, seconds, ignored } =
    total;
  return [
    ...table,
    "",
    `${reports.length} logs, ${messages} messages, ${entries} entries (${ignored} lines not played), ${devices} devices, ` +
      `${compared} entries compared, ${cuts} cuts, ${kills} kills, ${reconnects} reconnects, ` +
      `${mismatches} mismatches, ${seconds.toFixed(1)} s, ${(messages / seconds).toFixed(0)} messages/s`,
  ].join("\n");
}
