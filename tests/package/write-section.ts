/** Replaces the table between `<!-- name -->` and `<!-- /name -->` in a page. */
export function writeSection(page: string, name: string, rows: readonly (readonly string[])[]): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no section ${name}`);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      cell === "---" ? "-".repeat(width(column)) : cell.padEnd(width(column)),
    );
    return `| ${cells.join(" | ")} |`;
  });
  return `${page.slice(0, from)}${start}\n\n${lines.join("\n")}\n\n${page.slice(to)}`;
}
