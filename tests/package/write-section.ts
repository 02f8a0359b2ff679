function span(
  page: string,
  name: string,
): { readonly start: string; readonly from: number; readonly to: number } {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no section ${name}`);
  return { start, from, to };
}

/** The cells of the table between `<!-- name -->` and `<!-- /name -->` in a page, without its header. */
export function readSection(page: string, name: string): string[][] {
  const { from, to } = span(page, name);
  const lines = page
    .slice(from, to)
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Replaces the table between `<!-- name -->` and `<!-- /name -->` in a page. */
export function writeSection(page: string, name: string, rows: readonly (readonly string[])[]): string {
  const { start, from, to } = span(page, name);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      cell === "---" ? "-".repeat(width(column)) : cell.padEnd(width(column)),
    );
    return `| ${cells.join(" | ")} |`;
  });
  return `${page.slice(0, from)}${start}\n\n${lines.join("\n")}\n\n${page.slice(to)}`;
}
